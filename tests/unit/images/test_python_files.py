"""Which locked packages go into the images: what the project needs at run time and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fairlead_cli.images import python_files

CONSTRAINTS = """\
alpha==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via the-project
Beta_Lib==2.0 ; python_version >= "3" \\
    --hash=sha256:bb
    # via alpha
pytest==8.0 \\
    --hash=sha256:cc
"""
NEEDS = {
    "alpha": ["beta.lib[fast]>=1", "pytest; extra == 'test'"],
    "beta-lib": ["gamma ; extra == 'fast'", 'delta ; extra == "slow"', "alpha"],
}


def requires(name: str) -> Iterable[str]:
    return NEEDS.get(name, ())


def test_dependencies_of_dependencies_and_asked_extras_count() -> None:
    assert python_files.runtime_names(["Alpha>=1"], requires) == {"alpha", "beta-lib", "gamma"}


def test_blocks_keep_version_marker_and_every_hash() -> None:
    text = python_files.locked(CONSTRAINTS, {"alpha", "beta-lib", "gamma"})
    assert text.splitlines() == [
        "alpha==1.0 \\",
        "    --hash=sha256:aa \\",
        "    --hash=sha256:ab",
        'Beta_Lib==2.0 ; python_version >= "3" \\',
        "    --hash=sha256:bb",
    ]


def project(folder: Path) -> Path:
    (folder / "agent").mkdir()
    (folder / "agent" / "a.py").write_text("1", encoding="utf-8")
    (folder / "pyproject.toml").write_text('[project]\ndependencies = ["alpha"]\n', encoding="utf-8")
    (folder / "constraints.txt").write_text(CONSTRAINTS, encoding="utf-8")
    return folder


def test_a_change_of_code_leaves_the_dependencies_key_alone(tmp_path: Path) -> None:
    checkout = project(tmp_path)
    before = python_files.dependencies_key(checkout), python_files.project_key(checkout)
    (checkout / "agent" / "a.py").write_text("2", encoding="utf-8")
    after = python_files.dependencies_key(checkout), python_files.project_key(checkout)
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_a_change_of_a_development_pin_leaves_it_alone_too(tmp_path: Path) -> None:
    checkout = project(tmp_path)
    before = python_files.dependencies_key(checkout)
    (checkout / "constraints.txt").write_text(CONSTRAINTS.replace("8.0", "9.0"), encoding="utf-8")
    assert python_files.dependencies_key(checkout) == before
    (checkout / "constraints.txt").write_text(CONSTRAINTS.replace("1.0", "1.1"), encoding="utf-8")
    assert python_files.dependencies_key(checkout) != before
