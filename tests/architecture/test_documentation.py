"""The documentation says what the code does, all of it and nothing else."""

import configparser
import re
import tomllib
from typing import Any

import pytest
import typer
from lxml import etree

from soapsvc import cli, client
from soapsvc.domain import errors
from soapsvc.domain.states import FIRST_STATES, TRANSITIONS, Action, State
from soapsvc.settings import PREFIX, Settings
from soapsvc.soap import faults
from soapsvc.soap.interface import OPERATIONS, SERVICES
from soapsvc.soap.namespaces import qualified
from tests.architecture import pages
from tests.support.soap import SCHEMA, WSDL_FOLDER

OPERATIONS_PAGE = pages.page("docs/operations.md")
STATES_PAGE = pages.page("docs/states.md")
RUNNING_PAGE = pages.page("docs/running.md")
CLIENT_PAGE = pages.page("docs/python-client.md")
NEVER_MOVE = {Action.SET_PRIORITY, Action.RESCHEDULE, Action.CHANGE_ANSWERS}
WSDL = {"wsdl": "http://schemas.xmlsoap.org/wsdl/"}


def _unquoted(text: str) -> str:
    return text.strip("`")


# Operations and errors


def test_every_operation_is_documented_under_its_service_and_nothing_else_is() -> None:
    documented = {
        (service, name)
        for service in pages.headings(OPERATIONS_PAGE, 2)
        for name in pages.headings(pages.section(OPERATIONS_PAGE, f"## {service}"), 3)
    }
    assert documented == {(operation.service, operation.name) for operation in OPERATIONS.values()}
    assert set(pages.headings(OPERATIONS_PAGE, 2)) >= SERVICES


@pytest.mark.parametrize("name", sorted(operation.name for operation in OPERATIONS.values()))
def test_the_documented_faults_of_an_operation_are_those_of_the_wsdl(name: str) -> None:
    (operation,) = (one for one in OPERATIONS.values() if one.name == name)
    table = dict(row[:2] for row in pages.rows(pages.section(OPERATIONS_PAGE, f"### {name}")) if len(row) == 2)
    wsdl = etree.parse(WSDL_FOLDER / f"{operation.service}.wsdl")
    messages = wsdl.xpath(f"//wsdl:portType/wsdl:operation[@name='{name}']/wsdl:fault/@message", namespaces=WSDL)
    elements = {
        wsdl.xpath(f"string(//wsdl:message[@name='{message.partition(':')[2]}']/wsdl:part/@element)", namespaces=WSDL)
        for message in messages
    }
    documented = [_unquoted(fault) for fault in table["Faults"].split(", ")]
    assert sorted(documented) == sorted(element.partition(":")[2] for element in elements)
    assert ("is not changed" in table["Version"]) == (not operation.writes)
    assert set(table) == {"Request", "Response", "Who may", "States", "Version", "Faults"}


@pytest.mark.parametrize("name", sorted(operation.name for operation in OPERATIONS.values()))
def test_the_documented_messages_of_an_operation_are_valid_against_the_schemas(name: str) -> None:
    (operation,) = (one for one in OPERATIONS.values() if one.name == name)
    examples = [etree.fromstring(block) for block in pages.blocks(pages.section(OPERATIONS_PAGE, f"### {name}"), "xml")]
    elements = (operation.element, operation.answer_element)
    assert [example.tag for example in examples] == [qualified(operation.namespace, one) for one in elements]
    for example in examples:
        SCHEMA.assertValid(example)


@pytest.mark.parametrize("name", sorted({operation.name for operation in OPERATIONS.values()} & set(Action)))
def test_the_documented_states_of_an_operation_are_those_that_it_leads_from_and_to(name: str) -> None:
    table = dict(row[:2] for row in pages.rows(pages.section(OPERATIONS_PAGE, f"### {name}")) if len(row) == 2)
    excluding, states = "any but " in table["States"], table["States"]
    named = {state for state in State if re.search(rf"\b{state}\b", states)}
    if Action(name) is Action.SCHEDULE:
        assert named == FIRST_STATES
        return
    targets = TRANSITIONS[Action(name)]
    documented = set(State) - named if excluding else named
    assert set(targets) <= documented <= set(targets).union(*targets.values())


def test_every_error_code_is_documented_with_its_fault_and_nothing_else_is() -> None:
    table = pages.rows(pages.section(OPERATIONS_PAGE, "## Error codes"))
    documented = {_unquoted(row[0]): _unquoted(row[1]) for row in table}
    expected = {error.code: etree.QName(fault.element).localname for error, (_, fault) in faults.FAULTS.items()}
    unforeseen = faults.fault_for(_Unforeseen())
    expected[unforeseen.error_code] = etree.QName(unforeseen.element).localname
    assert documented == expected
    assert len(table) == len(documented)
    assert {error.code for error in _subclasses(errors.WorkItemServiceError)} <= set(documented)


class _Unforeseen(Exception):
    pass


def _subclasses(base: type[Any]) -> set[type[Any]]:
    return {one for direct in base.__subclasses__() for one in {direct} | _subclasses(direct)}


# States


def test_the_state_table_is_the_one_that_the_code_goes_by() -> None:
    documented: dict[Action, dict[State, frozenset[State]]] = {}
    for action, froms, tos in pages.rows(pages.section(STATES_PAGE, "## The table")):
        for start in map(State, froms.split(", ")):
            entry = documented.setdefault(Action(_unquoted(action)), {})
            assert start not in entry, f"{action} in {start} stands in the table twice"
            entry[start] = frozenset([start] if tos == "the same" else map(State, tos.split(", ")))
    assert documented == TRANSITIONS


def test_the_state_drawings_show_every_transition_and_nothing_else() -> None:
    drawn = list(pages.edges(STATES_PAGE))
    expected = {
        (str(start), str(end), str(action))
        for action, targets in TRANSITIONS.items()
        if action not in NEVER_MOVE
        for start, ends in targets.items()
        for end in ends
    }
    expected |= {("[*]", str(state), str(Action.SCHEDULE)) for state in FIRST_STATES}
    expected.add((str(State.COMPLETED), "[*]", ""))
    assert set(drawn) == expected
    assert len(drawn) == len(expected)


def test_every_state_is_explained() -> None:
    assert {row[0] for row in pages.rows(STATES_PAGE.partition("\n## ")[0])} == set(State)


def test_the_readme_draws_only_what_an_operation_of_today_does() -> None:
    available = {operation.name for operation in OPERATIONS.values()}
    drawn = list(pages.edges(pages.page("README.md")))
    assert drawn
    for start, end, action in drawn:
        assert action in available
        if start == "[*]":
            assert State(end) in FIRST_STATES
        else:
            assert State(end) in TRANSITIONS[Action(action)][State(start)]


# Settings and commands


def test_every_setting_is_documented_with_variable_default_and_meaning_and_nothing_else_is() -> None:
    documented = {_unquoted(row[0]): row[1:] for row in pages.rows(pages.section(RUNNING_PAGE, "## Settings"))}
    assert list(documented) == list(Settings.model_fields)
    for name, (variable, default, meaning) in documented.items():
        field = Settings.model_fields[name]
        assert _unquoted(variable) == f"{PREFIX}{name.upper()}"
        assert _unquoted(default) == ("none" if field.default is None else str(field.default))
        assert meaning.startswith(field.description or "?")


def test_the_documented_settings_file_is_a_valid_one() -> None:
    (example,) = pages.blocks(RUNNING_PAGE, "toml")
    Settings(**tomllib.loads(example))


def _commands(command: Any, *path: str) -> dict[str, Any]:
    subcommands = getattr(command, "commands", None)
    if not subcommands:
        return {" ".join(path): command}
    return {name: found for part, one in subcommands.items() for name, found in _commands(one, *path, part).items()}


COMMANDS = _commands(typer.main.get_command(cli.app), "soapsvc")


def test_every_command_is_documented_and_nothing_else_is() -> None:
    assert sorted(pages.headings(pages.section(RUNNING_PAGE, "## Commands"), 3)) == sorted(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_of_a_command_is_documented_and_nothing_else_is(name: str) -> None:
    text = pages.section(RUNNING_PAGE, f"### {name}")
    documented = [_unquoted(row[0]).split()[0] for row in pages.rows(text)]
    expected = [
        parameter.opts[0] if parameter.opts[0].startswith("--") else parameter.name.upper()
        for parameter in COMMANDS[name].params
    ]
    assert sorted(documented) == sorted(expected)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_an_example_that_uses_it(name: str) -> None:
    (example,) = pages.blocks(pages.section(RUNNING_PAGE, f"### {name}"), "sh")
    assert example.startswith(name)
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", example)) <= options


def test_no_page_names_a_command_that_does_not_exist() -> None:
    known = {tuple(name.split()[1:]) for name in COMMANDS}
    groups = {path[0] for path in known if len(path) > 1}
    for path in pages.pages():
        for words in re.findall(r"`(?:[A-Z_]+=\S+ )?soapsvc ([a-z][^`]*)`", path.read_text()):
            parts = words.split()
            named = tuple(parts[:2]) if parts[0] in groups else (parts[0],)
            assert named in known, f"{path.name} names `soapsvc {words}`"


# Code in the documentation


def test_the_python_in_the_readme_compiles() -> None:
    blocks = pages.blocks(pages.page("README.md"), "python")
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")


def test_the_walkthrough_compiles_and_only_its_first_block_depends_on_the_machine() -> None:
    first, *others = pages.blocks(pages.page("docs/versions.md"), "python")
    given: dict[str, object] = {}
    exec(compile(first, "docs/versions.md", "exec"), given)
    assert {name for name in given if not name.startswith("__")} == {"address", "password", "ana_guid", "ben_guid"}
    for block in others:
        compile(block, "docs/versions.md", "exec")
        assert not re.search(r"^(address|password|ana_guid|ben_guid) =", block, re.MULTILINE)
        assert "127.0.0.1" not in block


def test_the_page_of_the_python_client_compiles_and_only_its_first_block_depends_on_the_machine() -> None:
    first, *others = pages.blocks(CLIENT_PAGE, "python")
    assert re.findall(r"^\w+", first, re.MULTILINE) == ["address", "password"]
    for block in (first, *others):
        compile(block, "docs/python-client.md", "exec")
    assert not any("127.0.0.1" in block for block in others)


def test_the_page_of_the_python_client_names_every_fault_and_every_service() -> None:
    table = {_unquoted(name): _unquoted(fault) for name, fault in pages.rows(pages.section(CLIENT_PAGE, "## Faults"))}
    named = {name if fault == "the same" else fault: name for name, fault in table.items()}
    assert named == {fault: kind.__name__ for fault, kind in client.FAULTS.items()}
    assert set(named) >= {etree.QName(fault.element).localname for _, fault in faults.FAULTS.values()}
    services = {_unquoted(name): service for name, service in pages.rows(pages.section(CLIENT_PAGE, "## Sign in"))}
    assert set(services) == set(client.Client.__annotations__)
    assert set(services.values()) == SERVICES


def test_the_picture_of_the_layers_is_the_contract_that_is_checked() -> None:
    setup = configparser.ConfigParser()
    setup.read(pages.ROOT / "setup.cfg")
    checked = setup["importlinter:contract:layers"]["layers"].split("\n")
    expected = [[name.strip("()") for name in line.split(" | ")] for line in checked if line]
    picture = pages.blocks(pages.section(pages.page("docs/architecture.md"), "## The picture"), "text")[0]
    names = [re.split(r" {2,}", line.strip())[0] for line in picture.splitlines()]
    assert [line.split(" │ ") for line in names if line != "│"] == expected
