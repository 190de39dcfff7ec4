"""The README's programs run as they stand there, top to bottom."""

import re
from pathlib import Path

import minicnn
from minicnn.datasets import mnist, rendered_digits

README = Path(__file__).parents[1] / "README.md"


def test_every_python_block_runs(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mnist, "load_data", lambda: rendered_digits.load_data(200, 50))
    before = minicnn.config.backend()
    minicnn.config.set_backend("numpy")
    minicnn.utils.clear_session()  # layers are numbered from the start, as in a new program
    names: dict = {}
    try:
        for block in blocks:
            exec(block, names)
    finally:
        minicnn.config.set_backend(before)
    assert len(names["history"].history["val_accuracy"]) == 5
    assert (tmp_path / "digits.keras").is_file()
    assert minicnn.check_gradients(names["Swish"](), (2, 5, 7, 3)).ok


def test_files_that_the_readme_points_to_exist():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text(encoding="utf-8")):
        assert (README.parent / target).exists(), target
