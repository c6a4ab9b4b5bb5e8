"""Tensors out of torch files written by hand, good ones and wicked ones."""

import io
import struct

import numpy as np
import pytest

from clean_al.encoders import EncoderRefused
from clean_al.encoders.efficientnet_lite import efficientnet_lite0
from clean_al.encoders.tensor_file import read_tensors
from clean_al.encoders.weights import Weights

MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
HEAD = MAGIC + b"\x80\x02M\xe9\x03." + b"\x80\x02}."


def text(word):
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def tensor(key="0", count=6, offset=0, shape=(2, 3), strides=(3, 1), kind=b"FloatStorage"):
    """The instructions that make one tensor."""
    stored = (
        b"(" + text("storage") + b"ctorch\n" + kind + b"\n" + text(key) + text("cpu") + b"K" + bytes([count])
    )
    numbers = [b"(" + b"".join(b"K" + bytes([n]) for n in some) + b"t" for some in (shape, strides)]
    arguments = (
        b"(" + stored + b"tQ" + b"K" + bytes([offset]) + numbers[0] + numbers[1] + b"\x89" + b"N" + b"t"
    )
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"


def file_of(instructions, numbers=None):
    """A whole file with one table and one storage."""
    numbers = np.arange(6, dtype="<f4") if numbers is None else numbers
    table = b"\x80\x02ccollections\nOrderedDict\n)R(" + text("weight") + instructions + b"u."
    keys = b"\x80\x02](" + text("0") + b"e."
    return HEAD + table + keys + struct.pack("<q", len(numbers)) + numbers.tobytes()


def read(data):
    return read_tensors(Weights("net.pth", data, "0" * 64))


def test_a_tensor_has_its_shape_its_strides_and_its_offset():
    np.testing.assert_array_equal(read(file_of(tensor()))["weight"], [[0, 1, 2], [3, 4, 5]])
    turned = tensor(shape=(3, 2), strides=(1, 3))
    np.testing.assert_array_equal(read(file_of(turned))["weight"], [[0, 3], [1, 4], [2, 5]])
    last = tensor(offset=4, shape=(2,), strides=(1,))
    np.testing.assert_array_equal(read(file_of(last))["weight"], [4, 5])


def test_numbers_of_other_widths_are_read_as_such():
    whole = np.arange(6, dtype="<i8") * 2**40
    np.testing.assert_array_equal(read(file_of(tensor(kind=b"LongStorage"), whole))["weight"].ravel(), whole)


CALLS = [
    b"cposix\nsystem\n(" + text("touch {path}") + b"tR",
    b"cbuiltins\neval\n(" + text("open('{path}', 'w')") + b"tR",
    b"cos\nsystem\n(" + text("touch {path}") + b"tR",
    b"c__builtin__\nexec\n" + text("open('{path}', 'w')") + b"\x85R",
    b"(iposix\nsystem\n",
    b"(cposix\nsystem\n" + text("touch {path}") + b"o",
    b"cposix\nsystem\n" + text("touch {path}") + b"\x85\x81",
]


@pytest.mark.parametrize("call", CALLS)
def test_a_file_that_calls_a_function_is_refused_and_nothing_is_called(call, tmp_path):
    path = str(tmp_path / "called")
    wicked = call.replace(b"{path}", path.encode())
    # The length of a text stands before it.
    wicked = wicked.replace(
        struct.pack("<I", len("touch {path}")), struct.pack("<I", len(f"touch {path}"))
    ).replace(struct.pack("<I", len("open('{path}', 'w')")), struct.pack("<I", len(f"open('{path}', 'w')")))
    with pytest.raises(EncoderRefused, match=r"net\.pth holds no table of tensors: .*(calls|instruction)"):
        read(file_of(wicked))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "instructions",
    [
        tensor(shape=(2, 4), strides=(4, 1)),
        tensor(offset=3),
        tensor(shape=(200, 200), strides=(0, 0)),
        tensor(shape=(2,), strides=(3, 1)),
        tensor(kind=b"UnknownStorage"),
        tensor(key="1"),
        text("a word in place of a tensor"),
    ],
)
def test_a_tensor_that_its_numbers_do_not_bear_is_refused(instructions):
    with pytest.raises(EncoderRefused, match=r"net\.pth holds no table of tensors"):
        read(file_of(instructions))


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04" + b"\0" * 100, MAGIC, HEAD, b"\x80\x02K\x01.", b"\xff" * 50]
)
def test_what_is_no_such_file_is_refused(data):
    with pytest.raises(EncoderRefused, match=r"net\.pth holds no table of tensors"):
        read(data)


def test_every_truncation_is_refused():
    whole = file_of(tensor())
    for size in range(len(whole)):
        with pytest.raises(EncoderRefused):
            read(whole[:size])


def test_tensors_of_another_network_are_refused():
    with pytest.raises(EncoderRefused, match=r"net\.pth holds no EfficientNet-Lite0: '_conv_stem.weight'"):
        efficientnet_lite0(Weights("net.pth", file_of(tensor()), "0" * 64))


def test_the_hand_written_file_is_one_that_the_format_allows():
    """`pickletools` takes each of its programs apart to the end."""
    import pickletools

    stream = io.BytesIO(file_of(tensor()))
    for _ in range(5):
        assert [name.name for name, _, _ in pickletools.genops(stream)][-1] == "STOP"
