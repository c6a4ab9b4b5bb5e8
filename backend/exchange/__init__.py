"""The queue on its way to other tools while they run, and their answers on the way back."""
