"""The grammar of an encoder's name, and what is said when there is none."""

import subprocess
import sys

import pytest

from clean_al.encoders import SOURCES, EncoderMissing, EncoderNameError, TextEncoder, find_encoder, parse_name


@pytest.mark.parametrize(
    ("setting", "source", "name"),
    [
        ("auto", "auto", "auto"),
        (" off ", "off", "off"),
        ("fastembed:BAAI/bge-small-en-v1.5", "fastembed", "BAAI/bge-small-en-v1.5"),
        ("sentence-transformers:all-MiniLM-L6-v2", "sentence-transformers", "all-MiniLM-L6-v2"),
        ("sentence-transformers:/models/mine", "sentence-transformers", "/models/mine"),
        ("open_clip:ViT-B-32/laion2b_s34b_b79k", "open_clip", "ViT-B-32/laion2b_s34b_b79k"),
        ("timm: mobilenetv3_small_100", "timm", "mobilenetv3_small_100"),
        ("ours.encoders:bert", "factory", "ours.encoders:bert"),
        ("bert:make", "factory", "bert:make"),
        ("/models/minilm", "path", "/models/minilm"),
        ("minilm.onnx", "path", "minilm.onnx"),
        ("./ours.encoders:bert", "path", "./ours.encoders:bert"),
        (r"C:\models\minilm", "path", r"C:\models\minilm"),
        ("Auto", "auto", "auto"),
        ("package", "package", "package"),
        ("hub", "hub", "hub"),
        ("OFF", "off", "off"),
    ],
)
def test_a_name_is_read_by_the_first_source_whose_form_it_has(setting, source, name):
    assert parse_name(setting) == (source, name)


@pytest.mark.parametrize("setting", ["", "  ", "fastembed:", "timm: ", None, 3, "a\0b"])
def test_a_name_of_nothing_is_refused_with_the_forms_there_are(setting):
    with pytest.raises(EncoderNameError, match=r"give .*NAME"):
        parse_name(setting)


def test_every_source_has_a_form_and_reads_only_it():
    forms = [source.form for source in SOURCES.values()]
    assert len(set(forms)) == len(forms)
    for key, source in SOURCES.items():
        assert parse_name(source.form)[0] == key


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("off", "switched off"),
        ("/no/such/folder", "/no/such/folder: there is no such file or folder"),
        ("no_such_package.models:make", "PYTHONPATH of every worker"),
        ("json:no_such_function", "json has no function no_such_function"),
        ("timm:resnet18", "encodes images, not texts"),
        ("", "names no encoder; give auto"),
    ],
)
def test_why_there_is_no_encoder_is_said_in_words(setting, said):
    found = find_encoder("text", setting)
    assert found.encoder is None
    assert said in found.reason


def test_the_class_itself_raises_what_find_encoder_says():
    with pytest.raises(EncoderMissing, match="switched off"):
        TextEncoder("off")


def test_an_unknown_kind_is_a_mistake_in_the_code():
    with pytest.raises(ValueError, match="kind='smell' is unknown"):
        find_encoder("smell")


def test_importing_the_library_loads_no_runtime_and_reads_no_weights():
    code = (
        "import sys, clean_al, clean_al.encoders\n"
        "heavy = {'onnxruntime', 'tokenizers', 'huggingface_hub', 'PIL', 'torch', 'fastembed'}\n"
        "loaded = heavy & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_without_the_extra_the_reason_names_what_to_install():
    code = (
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'onnxruntime', 'tokenizers', 'huggingface_hub', 'PIL'}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}')\n"
        "sys.meta_path.insert(0, Finder())\n"
        "import clean_al\n"
        "print(clean_al.find_encoder('text').reason)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert 'pip install "clean-al[encoders]"' in ran.stdout
