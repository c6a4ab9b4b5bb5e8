"""Harm without end to a running loop, and a checker of what it promises: `make chaos`.

place.py      a Label Studio, `clean-al serve`, a second web process, projects, annotators
nemesis.py    who does harm: harm_processes.py, harm_label_studio.py, harm_machine.py
history.py    what was seen: events and their answers, rounds, published versions, processes
promises.py   P1 to P10, checked against the history and Label Studio
campaign.py   strike after strike, with a rest now and then
soak.py       thousands of rounds without harm: nothing grows
broken/       builds that break a promise; each must be caught
"""
