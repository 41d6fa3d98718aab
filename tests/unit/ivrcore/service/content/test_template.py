"""Templates and their values, by the rules of FAQ 6.7 to 6.10."""

import pytest

from ivrcore.service.content.template import (
    ForbiddenValueError,
    Kind,
    TemplateError,
    UnfitValueError,
    Variable,
    WrongCountError,
    parse,
)


def test_faq_example_of_a_password_is_filled() -> None:
    template = parse("尊敬的${TXT_8}您的初始密码为${NUM_6}。")
    assert template.variables == (Variable(Kind.TEXT, 8), Variable(Kind.NUMBER, 6))
    assert template.fill(["张三", "482913"]) == "尊敬的张三您的初始密码为482913。"


def test_faq_example_of_a_parcel_is_filled() -> None:
    template = parse("请于${DATE}，${TIME}前领取您的快递。")
    assert template.fill(["2017/07/16", "14:30"]) == "请于2017/07/16，14:30前领取您的快递。"


def test_template_without_variables_takes_no_values() -> None:
    assert parse("会议开始了").fill([]) == "会议开始了"
    with pytest.raises(WrongCountError, match="0 variables have 1 values"):
        parse("会议开始了").fill(["x"])


# 300 Chinese characters are 900 bytes.
def test_template_may_have_900_bytes() -> None:
    assert parse("会" * 300).texts == ("会" * 300,)
    with pytest.raises(TemplateError, match="901 bytes, at most 900"):
        parse("会" * 300 + "!")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "begins with a Chinese character"),
        ("Hello", "begins with a Chinese character"),
        ("${TXT_3}你好", "begins with a Chinese character"),
        ("，你好", "begins with a Chinese character"),
        ("你好${TXT}", r"'\$\{TXT\}' is not a variable"),
        ("你好${TXT_0}", "is not a variable"),
        ("你好${TXT_05}", "is not a variable"),
        ("你好${TXT_100}", "is not a variable"),
        ("你好${TXT_33}", "at most 32 bytes"),
        ("你好${NUM_33}", "at most 32 bytes"),
        ("你好${txt_3}", "is not a variable"),
        ("你好${ TXT_3}", "is not a variable"),
        ("你好${CHAR_3}", "is not a variable"),
        ("你好${DATE_3}", "is not a variable"),
        ("你好$", "is not a variable"),
        ("你好}", "is not a variable"),
        ("你好{TXT_3}", "is not a variable"),
        ("你好${TXT_3", "is not a variable"),
        ("请于${DATE}${TIME}", "separated by a comma"),
        ("请于${DATE} ${TIME}", "separated by a comma"),
        ("请于${DATE}、${TIME}", "separated by a comma"),
        ("请于${TIME}${DATE}", "separated by a comma"),
        ("你好\x07", "U\\+0007"),
    ],
)
def test_template_that_breaks_a_rule_is_refused(content: str, says: str) -> None:
    with pytest.raises(TemplateError, match=says):
        parse(content)


@pytest.mark.parametrize(
    "content",
    [
        "请于${DATE},${TIME}",
        "请于${DATE}，${TIME}",
        "请于${TIME}，${DATE}",
        "请于${DATE}领取${TXT_5}${TIME}",
        "请于${DATE}到${DATE}",
        "你好${TXT_1}${TXT_32}${NUM_32}",
        "你好\n再见",
    ],
)
def test_template_that_keeps_the_rules_is_taken(content: str) -> None:
    assert "".join(parse(content).texts)


@pytest.mark.parametrize(
    ("variable", "value", "taken"),
    [
        (Variable(Kind.TEXT, 9), "12.50", True),
        (Variable(Kind.TEXT, 2), "张三", True),
        (Variable(Kind.TEXT, 2), "张三丰", False),
        (Variable(Kind.TEXT, 3), "", True),
        (Variable(Kind.TEXT, 32), "会" * 10, True),
        (Variable(Kind.TEXT, 32), "会" * 11, False),  # 33 bytes
        (Variable(Kind.TEXT, 32), "a" * 32, True),
        (Variable(Kind.TEXT, 32), "a" * 33, False),
        (Variable(Kind.TEXT, 5), "a\nb", False),
        (Variable(Kind.NUMBER, 6), "000000", True),
        (Variable(Kind.NUMBER, 6), "7", True),
        (Variable(Kind.NUMBER, 6), "", False),
        (Variable(Kind.NUMBER, 6), "1234567", False),
        (Variable(Kind.NUMBER, 6), "12.5", False),
        (Variable(Kind.NUMBER, 6), "-12", False),
        (Variable(Kind.NUMBER, 6), "１２", False),
        (Variable(Kind.NUMBER, 6), "12 ", False),
        (Variable(Kind.DATE), "2017/07/16", True),
        (Variable(Kind.DATE), "2020/02/29", True),
        (Variable(Kind.DATE), "2019/02/29", False),
        (Variable(Kind.DATE), "2017/13/01", False),
        (Variable(Kind.DATE), "2017/7/16", False),
        (Variable(Kind.DATE), "2017-07-16", False),
        (Variable(Kind.DATE), "0000/01/01", False),
        (Variable(Kind.DATE), "2017/07/16 14:30", False),
        (Variable(Kind.TIME), "14:30", True),
        (Variable(Kind.TIME), "14:30:30", True),
        (Variable(Kind.TIME), "00:00", True),
        (Variable(Kind.TIME), "23:59:59", True),
        (Variable(Kind.TIME), "24:00", False),
        (Variable(Kind.TIME), "14:60", False),
        (Variable(Kind.TIME), "14:30:60", False),
        (Variable(Kind.TIME), "4:30", False),
        (Variable(Kind.TIME), "14：30", False),
    ],
)
def test_value_is_judged_by_its_variable(variable: Variable, value: str, taken: bool) -> None:
    assert variable.takes(value) is taken


def test_first_unfit_value_is_named_with_its_rule() -> None:
    with pytest.raises(UnfitValueError, match="value 2 is not 1 to 6 of the digits") as caught:
        parse("尊敬的${TXT_8}密码${NUM_6}").fill(["张三", "12a"])
    assert (caught.value.position, caught.value.value) == (1, "12a")


@pytest.mark.parametrize("value", ["$", "a{", "}b"])
def test_value_with_a_forbidden_character_is_refused_before_its_rule(value: str) -> None:
    with pytest.raises(ForbiddenValueError, match="value 1 holds one of"):
        parse("你好${TXT_8}${NUM_2}").fill([value, "abc"])


@pytest.mark.parametrize("values", [[], ["a"], ["a", "1", "x"]])
def test_number_of_values_is_the_number_of_variables(values: list[str]) -> None:
    with pytest.raises(WrongCountError):
        parse("你好${TXT_8}${NUM_2}").fill(values)


def test_value_is_not_read_as_a_variable() -> None:
    assert parse("你好${TXT_9}和${NUM_2}").fill(["NUM_2", "12"]) == "你好NUM_2和12"
