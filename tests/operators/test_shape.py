"""What all operators and sensors have in common, class by class."""

import re

import pytest

from airflow_provider_encord.operators._base import EncordJobOperator
from airflow_provider_encord.sensors.encord import EncordSensor
from operator_classes import CLASSES, build, parameters

every_class = pytest.mark.parametrize("each", CLASSES, ids=lambda each: each.__name__)


def test_the_classes_are_found():
    assert len(CLASSES) == len(set(CLASSES)) >= 14


def test_each_has_plain_words_in_the_graph_of_its_own():
    names = {build(each).operator_name for each in CLASSES}
    assert len(names) == len(CLASSES)
    assert [name for name in names if " " not in name] == []


@every_class
def test_it_is_made_without_a_connection_and_templates_what_it_has(each):
    task = build(each)
    assert [name for name in each.template_fields if not hasattr(task, name)] == []
    assert "encord_conn_id" in each.template_fields
    assert len(set(each.template_fields)) == len(each.template_fields)
    assert not each.template_ext
    assert set(each.template_fields_renderers) <= set(each.template_fields)


@every_class
def test_all_arguments_are_keywords_and_described(each):
    found = parameters(each)
    assert {name for name, parameter in found.items() if parameter.kind is not parameter.KEYWORD_ONLY} == set()
    ours = [base for base in each.__mro__ if base.__module__.startswith("airflow_provider_encord.")]
    docs = "\n".join(base.__doc__ or "" for base in ours)
    assert [name for name in found if not re.search(rf":param {name}:", docs)] == []


@every_class
def test_what_is_said_to_be_templated_is_and_the_other_way_round(each):
    ours = [base for base in each.__mro__ if base.__module__.startswith("airflow_provider_encord.")]
    said = {}
    for base in reversed(ours):
        for name, text in re.findall(r":param (\w+):(.*?)(?=\n\s*:|\Z)", base.__doc__ or "", re.DOTALL):
            said[name] = text
    templated = {name for name, text in said.items() if "templated" in text}
    assert set(each.template_fields) - templated == set()
    assert templated & set(parameters(each)) - set(each.template_fields) == set()


@every_class
def test_where_it_waits_it_can_defer(each):
    waits = issubclass(each, EncordJobOperator | EncordSensor)
    assert ("deferrable" in parameters(each)) == waits
    assert not waits or build(each).deferrable is False


@every_class
def test_positional_arguments_are_refused(each):
    with pytest.raises(Exception, match=r"keyword|positional"):
        each("task")
