"""Templates of `--format`: what people write with docker comes out as Docker prints it, and the rest is refused."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_cli.docker.template import Fields, Template, TemplateError

VALUE: dict[str, Any] = {
    "Id": "57b1",
    "Name": "/shop",
    "State": {"Running": True, "Pid": 42, "Status": "running", "ExitCode": 0},
    "Config": {"Labels": {"a.b": "1", "c": "2"}, "Cmd": ["serve", "-v"], "Env": [], "ExposedPorts": {"80/tcp": {}}},
    "Mounts": [{"Source": "/a", "Destination": "/b"}, {"Source": "/c", "Destination": "/d"}],
    "Share": 1.5,
    "Nothing": None,
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{{.Id}}", "57b1"),
        ("{{.State.Pid}}-{{.State.Running}}", "42-true"),
        ("{{.ID}} {{.State.pid}}", "57b1 42"),
        ("{{json .Config.Cmd}}", '["serve","-v"]'),
        ("{{json .State.Status}} {{json .Nothing}}", '"running" null'),
        ("{{.Config.Labels}}", "map[a.b:1 c:2]"),
        ("{{.Config.Cmd}} {{.Config.Env}} {{.Config.ExposedPorts}}", "[serve -v] [] map[80/tcp:{}]"),
        ("{{.Nothing}} {{.Share}}", "<no value> 1.5"),
        ("{{range .Mounts}}{{.Source}}:{{.Destination}} {{end}}", "/a:/b /c:/d "),
        ("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}", "a.b=1;c=2;"),
        ("{{range $i, $m := .Mounts}}{{if $i}}, {{end}}{{$m.Source}}{{end}}", "/a, /c"),
        ("{{range .Config.Env}}x{{else}}none{{end}}", "none"),
        ("{{range .Config.Cmd}}{{.}}@{{$.Id}} {{end}}", "serve@57b1 -v@57b1 "),
        ('{{index .Config.Labels "a.b"}}{{index .Config.Labels "none"}}', "1"),
        ("{{index .Config.Cmd 0}} {{(index .Mounts 1).Source}}", "serve /c"),
        ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
        ("{{if .State.ExitCode}}bad{{else if .State.Pid}}pid{{else}}none{{end}}", "pid"),
        ('{{if and .State.Running (eq .State.Status "running" "paused")}}yes{{end}}', "yes"),
        ("{{with .State}}{{.Pid}}{{end}}{{with .Nothing}}x{{else}}-{{end}}", "42-"),
        ("{{len .Config.Cmd}} {{len .Name}}", "2 5"),
        ('{{join .Config.Cmd ", "}}', "serve, -v"),
        ('{{split .Name "/"}} {{title "two words"}}', "[ shop] Two Words"),
        ("{{upper .Id}} {{.Name | lower | upper}}", "57B1 /SHOP"),
        ('{{.Id | printf "%s/%d" .Name}}', "/shop/%!d(string=57b1)"),
        ('{{printf "%s|%6s|%-6s|%q" .Id .Id .Id .Name}}', '57b1|  57b1|57b1  |"/shop"'),
        ('{{printf "%d %05d %x %.2f %t %v%%" 7 42 255 .Share true .Config.Cmd}}', "7 00042 ff 1.50 true [serve -v]%"),
        ('{{printf "%d"}} {{printf "x" 1}}', "%!d(MISSING) x%!(EXTRA int=1)"),
        ("{{println .Id .State.Pid}}.", "57b1 42\n."),
        ('{{print "a" "b"}} {{print 1 2}}', "ab 1 2"),
        ('a{{"\\t"}}b{{"\\n"}}{{`\\n`}}', "a\tb\n\\n"),
        ("a {{- .Id -}} b", "a57b1b"),
        ("a{{/* nothing */}}b {{- /* trims */ -}} c", "abc"),
        ("{{$x := .Id}}{{if true}}{{$x = 3}}{{end}}{{$x}}", "3"),
        ("{{truncate .Id 2}}{{pad .Id 1 2}}|{{slice .Id 1 3}}", "57 57b1  |7b"),
        (
            "{{not .Nothing}} {{or .Nothing 5}} {{ne 1 2}} {{lt 1 2}} {{ge 2 2}} {{gt 1 2}} {{le 1 2}}",
            "true 5 true true true false true",
        ),
        ("{{.State.Health}}{{if .State.Health}}x{{end}}", "<no value>"),
        ("{{.Config.Ports}}{{range .Config.Ports}}x{{end}}", "map[]"),
        ("é {{.Id}} {not} }}", "é 57b1 {not} }}"),
    ],
)
def test_what_people_write(template: str, text: str) -> None:
    assert Template(template).run(VALUE, optional={"Health": None, "Ports": {}}) == text


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{.Id", "an action has no end"),
        ("{{", "an action has no end"),
        ("{{}}", "an action is empty"),
        ("{{.Id | }}", "something is missing in an action"),
        ("{{end}}", "{{end}} has nothing that it belongs to"),
        ("{{if .Id}}", "{{if}} has no {{end}}"),
        ("{{if .Id}}{{else}}{{else}}{{end}}", "{{if}} has two {{else}}"),
        ("{{(.Id}}", "a parenthesis has no end"),
        ('{{"\\q"}}', "\\q is no escape"),
        ("{{.Id ~}}", "'~}}' makes no sense in an action"),
        ('{{template "x"}}', "Fairlead has no {{template}}"),
        ("{{break}}", "Fairlead has no {{break}}"),
        ("{{sprig .Id}}", "there is no function sprig; there are and, eq, "),
        ("{{.None}}", ".None leads nowhere: there is no None"),
        ("{{.State.None.More}}", ".State.None.More leads nowhere: there is no None"),
        ("{{.Id.More}}", ".Id.More leads nowhere: there is no More"),
        ("{{$x}}", "there is no variable $x"),
        ("{{.Id .Name}}", ".Id takes no argument"),
        ("{{json}}", "json does not take 0 arguments"),
        ("{{index .Config.Cmd 9}}", "index 9 is out of range: there are 2"),
        ("{{index .Id.x 1}}", ".Id.x leads nowhere"),
        ("{{len 3}}", "len takes a list, a map or a text, not 3"),
        ("{{range .State.Pid}}{{end}}", "range takes a list or a map, not 42"),
        ('{{printf "%9999999d" 1}}', "%9999999d is wider than 1000"),
        ('{{lt 1 "a"}}', "1 and a can't be compared"),
        ("{{if 1}}" * 50, "it has more than 40 blocks in each other"),
        ("{{" + "(" * 50 + "1" + ")" * 50 + "}}", "it has more than 40 parentheses in each other"),
    ],
)
def test_what_is_refused(template: str, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template(template).run(VALUE)
    assert caught.value.message.startswith(f"The template can't be used: {reason}")
    assert caught.value.next_step


def test_rows_know_their_fields_and_functions() -> None:
    row = Fields(ID="57", Names="shop", Label=lambda name: {"a": "<b>"}.get(name, ""))
    assert Template('{{.ID}} {{.Label "a"}}{{upper (.Label "a")}}').run(row) == "57 <b><B>"
    assert Template("{{json .}} {{json .ID}}").run(row) == '{"ID":"57","Names":"shop"} "57"'
    with pytest.raises(TemplateError, match="there is no id; there are ID, Label, Names"):
        Template("{{.id}}").run(row)
    with pytest.raises(TemplateError, match="does not take 0 arguments"):
        Template("{{.Label}}").run(row)


def test_fields_that_a_template_uses() -> None:
    assert Template('{{if .A}}{{.B.C | json}}{{end}}{{range .D}}{{.E}}{{$.F}}{{end}}{{printf "%s" (.G)}}').fields() == {
        "A",
        "B",
        "D",
        "F",
        "G",
    }
    assert Template("{{json .}}").fields() == {""}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_SYNTAX = """
    {{ }} {{- -}} . .A .A.b $ $x := = , | ( ) "t" `r` 1 -2 3.5 0x1f nil true if range with else end index len json
    printf "%d" "%-5s" "%x" "%c" print println join split upper title pad truncate slice
    and or not eq lt /* */ a é
"""
_WORDS = st.sampled_from(_SYNTAX.split())


@given(st.lists(_WORDS | st.text(max_size=3), max_size=14), _VALUES)
def test_a_template_raises_nothing_but_its_own_error(words: list[str], value: Any) -> None:
    _never_otherwise(" ".join(words), value)


@given(st.lists(_WORDS, min_size=1, max_size=6), st.lists(_WORDS, max_size=4), _VALUES)
def test_an_action_raises_nothing_but_its_own_error(first: list[str], second: list[str], value: Any) -> None:
    _never_otherwise(f"{{{{{' '.join(first)}}}}}{{{{{' '.join(second)}}}}}{{{{end}}}}", value)


def _never_otherwise(template: str, value: Any) -> None:
    for one in (value, {"A": value}, Fields(A=value)):
        with suppress(TemplateError):
            Template(template).run(one)


@given(_VALUES.filter(lambda value: "NaN" not in json.dumps(value) and "Infinity" not in json.dumps(value)))
def test_json_is_json(value: Any) -> None:
    assert json.loads(Template("{{json .}}").run(value)) == value
