"""Small inputs of every format and kind of region, from which the fuzzing starts."""

SIZED = {"original_width": 200, "original_height": 100}


def region(kind, value, key="r1", **more):
    labeled = {kind: ["car"], **value} if kind.endswith("labels") else value
    return {"id": key, "type": kind, "from_name": "c", "to_name": "t", "value": labeled, **more}


PICTURE = [
    region("rectanglelabels", {"x": 1, "y": 2, "width": 30, "height": 40, "rotation": 5}, **SIZED),
    region("polygonlabels", {"points": [[1, 2], [30, 4], [5, 60]], "closed": True}, "r2", **SIZED),
    region("keypointlabels", {"x": 5, "y": 6, "width": 1}, "r3", **SIZED, parentID="r1"),
    region("ellipselabels", {"x": 5, "y": 6, "radiusX": 3, "radiusY": 4, "rotation": 10}, "r4", **SIZED),
    region("vectorlabels", {"vertices": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}, "r5", **SIZED),
    region(
        "brushlabels",
        {"format": "rle", "rle": [0, 0, 0, 16, 56, 153, 255, 61, 252]},
        "r6",
        original_width=2,
        original_height=2,
    ),
    region("textarea", {"text": ["a note"]}, "r1"),
    region("choices", {"choices": ["yes", "no"]}, "r7"),
    region("taxonomy", {"taxonomy": [["a", "b"], ["c"]]}, "r8"),
    region("rating", {"rating": 4}, "r9"),
    region("number", {"number": 4.5}, "r10"),
    {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "right", "labels": ["x"]},
]
TRACK = {
    "sequence": [{"frame": 1, "enabled": True, "x": 1, "y": 1, "width": 5, "height": 5, "rotation": 0}],
    "framesCount": 9,
    "labels": ["car"],
}
RESULTS = {
    "image": ("a.jpg", PICTURE),
    "text": (
        "Ann met Bo \U0001f600 <b>here</b>",
        [
            region("labels", {"start": 0, "end": 3, "text": "Ann", "labels": ["P"]}),
            region("labels", {"start": 8, "end": 10, "text": "Bo", "labels": ["P"]}, "r2"),
            {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "bi"},
        ],
    ),
    "html": (
        "<p>Ann &amp; Bo<br>left</p>",
        [
            region(
                "hypertextlabels",
                {
                    "start": "/p[1]/text()[1]",
                    "end": "/p[1]/text()[1]",
                    "startOffset": 0,
                    "endOffset": 3,
                    "globalOffsets": {"start": 0, "end": 3},
                    "text": "Ann",
                },
            )
        ],
    ),
    "dialogue": (
        [{"author": "A", "text": "Good morning"}, {"author": "B", "text": "Hello"}],
        [region("paragraphlabels", {"start": "0", "end": "1", "startOffset": 5, "endOffset": 5})],
    ),
    "audio": (
        "a.wav",
        [region("labels", {"start": 0.5, "end": 1.25, "channel": 0, "labels": ["x"]}, original_length=3.5)],
    ),
    "video": (
        "v.mp4",
        [
            region("videorectangle", TRACK, **SIZED),
            region("timelinelabels", {"ranges": [{"start": 1, "end": 4}]}, "r2"),
        ],
    ),
    "series": ("s.csv", [region("timeserieslabels", {"start": 1, "end": 2, "instant": False})]),
}


def tasks():
    """Return a task of each kind."""
    return [
        {
            "id": n,
            "data": {key: media, "note": "kept"},
            "annotations": [{"id": n, "completed_by": 1, "lead_time": 1.5, "result": results}],
            "predictions": [{"model_version": "m", "score": 0.5, "result": results[:1]}],
        }
        for n, (key, (media, results)) in enumerate(RESULTS.items(), 1)
    ]


LINES = [
    {
        "text": "Ann met Bo.",
        "tokens": [{"text": "Ann", "start": 0, "end": 3, "id": 0, "ws": True}],
        "spans": [
            {"start": 0, "end": 3, "token_start": 0, "token_end": 0, "label": "P"},
            {"start": 8, "end": 10, "token_start": 2, "token_end": 2, "label": "P"},
        ],
        "relations": [
            {
                "head": 0,
                "child": 2,
                "label": "knows",
                "head_span": {"start": 0, "end": 3, "token_start": 0, "token_end": 0, "label": "P"},
                "child_span": {"start": 8, "end": 10, "token_start": 2, "token_end": 2, "label": "P"},
            }
        ],
        "meta": {"score": 0.5, "task_id": 1},
        "_input_hash": 5,
        "_task_hash": 6,
        "_annotator_id": "ann",
        "answer": "accept",
    },
    {
        "text": "Which?",
        "options": [{"id": 1, "text": "One"}, {"id": "b", "text": "Two"}],
        "accept": [1],
        "config": {"choice_style": "single"},
        "answer": "accept",
    },
    {
        "image": "a.jpg",
        "width": 20,
        "height": 10,
        "spans": [
            {"label": "x", "x": 1, "y": 2, "width": 3, "height": 4, "type": "rect", "id": "s"},
            {"label": "x", "points": [[1, 2], [3, 4], [5, 6]], "type": "polygon"},
        ],
        "answer": "reject",
    },
    {"audio": "a.wav", "audio_spans": [{"start": 0.5, "end": 1, "label": "x"}], "transcript": "hello"},
    {"html": "<p>a</p>", "label": "L", "answer": "ignore"},
    {"text": "x", "cats": {"A": 1.0, "B": 0.0}, "answers": {"c": {"type": "rating", "values": [3]}}},
]
DOCUMENT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><id>1</id><name>t</name><mode>annotation</mode><labels>
<label><name>car</name><color>#ff0000</color><type>any</type><attributes><attribute><name>a</name>
<mutable>False</mutable><input_type>select</input_type><default_value>x</default_value><values>x
y</values></attribute></attributes></label></labels></task></meta>
<image id="0" name="a.jpg" width="20" height="10">
<box label="car" source="manual" occluded="1" xtl="1.0" ytl="2.0" xbr="3.0" ybr="4.0" rotation="30.0"
 z_order="0" group_id="1"><attribute name="a">x</attribute><attribute name="score">0.5</attribute></box>
<polygon label="car" source="auto" points="1.0,2.0;3.0,4.0;5.0,6.0" z_order="1" group_id="1"></polygon>
<polyline label="car" points="1.0,2.0;3.0,4.0" z_order="0"></polyline>
<points label="car" points="1.0,2.0" z_order="0"></points>
<ellipse label="car" cx="5.0" cy="5.0" rx="2.0" ry="1.0" rotation="10" z_order="0"></ellipse>
<mask label="car" rle="1, 2, 2, 1, 1, 2" left="5" top="7" width="3" height="3" z_order="0"></mask>
<cuboid label="car" xtl1="1" ytl1="1" xbl1="1" ybl1="2" xtr1="2" ytr1="1" xbr1="2" ybr1="2"
 xtl2="3" ytl2="1" xbl2="3" ybl2="2" xtr2="4" ytr2="1" xbr2="4" ybr2="2"></cuboid>
<skeleton label="car" z_order="0">
<points label="nose" outside="0" occluded="0" points="1,2"></points></skeleton>
<tag label="car" source="manual"><attribute name="rating">4</attribute></tag></image>
<track id="0" label="car" group_id="2"><box frame="0" keyframe="1" outside="0" occluded="0" xtl="1" ytl="2"
 xbr="3" ybr="4" z_order="0"></box>
<polygon frame="5" keyframe="1" outside="1" points="1,2;3,4;5,6"></polygon></track>
</annotations>"""
CONFIG = """<View><Header value="h"/><Image name="t" value="$image"/><Text name="u" value="$a.b"/>
<RectangleLabels name="c" toName="t"><Label value="car" background="#ff0000"/></RectangleLabels>
<Choices name="d" toName="t" choice="multiple" perRegion="true"><Choice value="yes" alias="y"/></Choices>
<Repeater on="$pages" indexFlag="{{i}}"><Image name="p{{i}}" value="$pages[{{i}}]"/></Repeater></View>"""
