"""What texts are read as. The expectations are words by FAQ 8.8, worked out by hand, not by the program."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.speech.reading import read_aloud
from media.speech.reading.chinese import say_count

CHINESE = """
# digit by digit, whatever is counted (FAQ 8.8)
1234 | 一二三四
0 | 零
7 | 七
007 | 零零七
10 | 一零
100元 | 一零零元
共1234件 | 共一二三四件
第1名 | 第一名
2小时30分 | 二小时三零分
您的验证码为482913。 | 您的验证码为四八二九一三。
尊敬的张三,您的初始密码为000000 | 尊敬的张三,您的初始密码为零零零零零零
按1 | 按一
9876543210987654 | 九八七六五四三二一零九八七六五四
1,234 | 一二三四
1,234,567 | 一二三四五六七
1,23 | 一,二三
３５ | 三五
１２３４ | 一二三四
一千两百三十四 | 一千两百三十四
# decimals
3.14 | 三点一四
0.5 | 零点五
12.50元 | 一二点五零元
100.00 | 一零零点零零
1,234.56 | 一二三四点五六
价格12.5元。 | 价格一二点五元。
３．５ | 三点五
版本1.2.3 | 版本一点二点三
192.168.1.1 | 一九二点一六八点一点一
一共5. | 一共五.
# dates and times of day
2017/12/31 23:59:59 | 二零一七年十二月三十一日 二十三点五十九分五十九秒
2017/12/31 | 二零一七年十二月三十一日
2017/07/16 | 二零一七年七月十六日
2017-12-31 | 二零一七年十二月三十一日
2020/02/29 | 二零二零年二月二十九日
2000/01/01 | 二零零零年一月一日
2026/10/10 | 二零二六年十月十日
2026/1/5 | 二零二六年一月五日
2026/11/20 | 二零二六年十一月二十日
2026/11/21 | 二零二六年十一月二十一日
请于2017/07/16,14:30前领取 | 请于二零一七年七月十六日,十四点三十分前领取
请于2017/07/16，14:30:30前领取 | 请于二零一七年七月十六日，十四点三十分三十秒前领取
2017-12-31T23:59:59Z | 二零一七年十二月三十一日 二十三点五十九分五十九秒
23:59:59 | 二十三点五十九分五十九秒
14:30 | 十四点三十分
14:00 | 十四点整
14:00:00 | 十四点整
00:00 | 零点整
24:00 | 二十四点整
08:05 | 八点零五分
8:05 | 八点零五分
02:30 | 两点三十分
12:22 | 十二点二十二分
22:02 | 二十二点零二分
11:05:09 | 十一点零五分零九秒
12:00:05 | 十二点零分零五秒
10:10:10 | 十点十分十秒
20:20:20 | 二十点二十分二十秒
１２：３０ | 十二点三十分
3:30 PM | 下午三点三十分
9:00am | 上午九点整
8:00-9:30 | 八点整至九点三十分
8:00~9:30 | 八点整至九点三十分
2020/01/01 - 2020/02/02 | 二零二零年一月一日至二零二零年二月二日
2020-01-01至2020-02-02 | 二零二零年一月一日至二零二零年二月二日
2017年12月31日 | 二零一七年十二月三十一日
2017年 | 二零一七年
12月31日 | 十二月三十一日
1月 | 一月
9月1号 | 九月一号
12点30分 | 十二点三十分
2点 | 两点
7点05分 | 七点零五分
7点5分 | 七点零五分
# what looks like one, and is none
2019/02/29 | 二零一九零二二九
2017/13/01 | 二零一七一三零一
13月5日 | 一三月五日
12345/12/31 | 一二三四五一二三一
24:01 | 二四比零一
25:61 | 二五比六一
# telephone numbers
13800138000 | 幺三八零零幺三八零零零
手机号13800138000 | 手机号幺三八零零幺三八零零零
138 0013 8000 | 幺三八零零幺三八零零零
138-0013-8000 | 幺三八零零幺三八零零零
+8613800138000 | 加八六幺三八零零幺三八零零零
+86 13800138000 | 加八六幺三八零零幺三八零零零
0755-28780808 | 零七五五二八七八零八零八
010-12345678 | 零幺零幺二三四五六七八
+86755110110 | 加八六七五五幺幺零幺幺零
400-820-8820 | 四零零八二零八八二零
400-8208-820 | 四零零八二零八八二零
800-810-1111 | 八零零八幺零幺幺幺幺
请拨打10086 | 请拨打幺零零八六
请拨打110 | 请拨打幺幺零
致电12345 | 致电幺二三四五
客服电话95588 | 客服电话九五五八八
客服热线：10010 | 客服热线：幺零零幺零
电话号码是2110 | 电话号码是二幺幺零
分机801 | 分机八零幺
12800138000 | 一二八零零一三八零零零
138001380001 | 一三八零零一三八零零零一
订单13800138000.5 | 订单一三八零零一三八零零零点五
# percent
50% | 百分之五零
5% | 百分之五
12.5% | 百分之一二点五
-3% | 负百分之三
100％ | 百分之一零零
5‰ | 千分之五
10%~20% | 百分之一零至百分之二零
10%-20% | 百分之一零至百分之二零
10-20% | 百分之一零至百分之二零
# negative
-5 | 负五
-12.5 | 负一二点五
−7 | 负七
余额-100元 | 余额负一零零元
-3到5 | 负三到五
5 -5 | 五 负五
# currency
¥12.5 | 一二点五元
￥100 | 一零零元
¥1,234.56 | 一二三四点五六元
-¥5 | 负五元
$5.20 | 五点二零美元
US$5 | 五美元
HK$20 | 二零港元
€9.99 | 九点九九欧元
£3 | 三英镑
USD 100 | 一零零美元
100USD | 一零零美元
50 CNY | 五零元
# units
5km | 五公里
5 km | 五公里
60km/h | 六零公里每小时
1.75m | 一点七五米
180cm | 一八零厘米
3mm | 三毫米
3.5kg | 三点五公斤
200g | 二零零克
500ml | 五零零毫升
2L | 二升
25℃ | 二五摄氏度
25°C | 二五摄氏度
-5℃ | 负五摄氏度
90° | 九零度
100㎡ | 一零零平方米
220V | 二二零伏
3kWh | 三千瓦时
5min | 五分钟
10m跑道 | 一零米跑道
5metre | 五metre
# spans, fractions, scores, numbers with parts
3-5天 | 三至五天
3~5 | 三至五
1.5-2公斤 | 一点五至二公斤
1/2 | 二分之一
3/4 | 四分之三
比分3:2 | 比分三比二
3栋2-101 | 三栋二杠一零一
10-20 | 一零杠二零
No.5 | 编号五
№12 | 编号一二
1+1=2 | 一加一等于二
3×4 | 三乘四
# letters
VIP客户 | V I P客户
ＶＩＰ | V I P
KTV | K T V
App | App
hello世界 | hello世界
Hello, world | Hello, world
http服务 | H T T P服务
A座 | A座
A12 | A一二
订单A1234B | 订单A一二三四B
ABC-123 | A B C杠一二三
iPhone 15 | iPhone 一五
HUAWEI | HUAWEI
don't | don't
# signs
按#键 | 按井号键
按＃键 | 按井号键
按*键返回 | 按星号键返回
A&B | A和B
a@b | A艾特B
x_y | X Y
你好,世界! | 你好,世界!
你好，世界！ | 你好，世界！
（重要） | （重要）
他说：好 | 他说：好
"""

ENGLISH = """
1234 | one two three four
Your code is 482913. | Your code is four eight two nine one three.
3.14 | three point one four
1,234.56 | one two three four point five six
2017/12/31 23:59:59 | December thirty-first, twenty seventeen twenty-three fifty-nine and fifty-nine seconds
2017/12/31 | December thirty-first, twenty seventeen
1905/01/02 | January second, nineteen oh five
1900/03/03 | March third, nineteen hundred
2000/05/05 | May fifth, two thousand
2009/10/12 | October twelfth, two thousand nine
2026/11/20 | November twentieth, twenty twenty-six
2026/08/21 | August twenty-first, twenty twenty-six
2019/02/29 | two zero one nine zero two two nine
14:30 | fourteen thirty
08:05 | eight oh five
9:00 | nine o'clock
14:00 | fourteen hundred hours
00:00:01 | zero o'clock and one second
3:30 PM | three thirty P M
9:00 am | nine A M
-5 | minus five
50% | five zero percent
-2.5% | minus two point five percent
$5.20 | five point two zero dollars
€3 | three euros
£3 | three pounds
¥8 | eight yuan
25℃ | two five degrees Celsius
60km/h | six zero kilometres per hour
3kg | three kilograms
13800138000 | one three eight zero zero one three eight zero zero zero
+8675528000001 | plus eight six seven five five two eight zero zero zero zero zero one
555-0100-1234 | five five five zero one zero zero one two three four
A12 | A one two
VIP | V I P
PDF file | P D F file
well-known | well-known
press # or * | press pound or star
rock&roll | rock and roll
No.5 | number five
3~5 | three to five
"""


def table(text: str) -> list[tuple[str, str]]:
    """The cases of a table: what is written, and what is said."""
    lines = (line for line in text.strip().splitlines() if not line.startswith("# "))
    pairs = (line.split(" | ") for line in lines)
    return [(written, said) for written, said in pairs]


@pytest.mark.parametrize(("written", "said"), table(CHINESE))
def test_chinese_reading(written: str, said: str) -> None:
    assert read_aloud(written) == said


@pytest.mark.parametrize(("written", "said"), table(ENGLISH))
def test_english_reading(written: str, said: str) -> None:
    assert read_aloud(written, "en") == said


def test_the_tables_have_150_cases_in_chinese() -> None:
    assert len({written for written, _ in table(CHINESE)}) == len(table(CHINESE)) >= 150


@pytest.mark.parametrize(
    ("n", "said"),
    [(0, "零"), (1, "一"), (10, "十"), (11, "十一"), (20, "二十"), (21, "二十一"), (59, "五十九")],
)
def test_parts_of_dates_are_counted(n: int, said: str) -> None:
    assert say_count(n) == said


def test_every_minute_of_a_day_is_read_in_its_own_way() -> None:
    said = {read_aloud(f"{hour:02}:{minute:02}") for hour in range(24) for minute in range(60)}
    assert len(said) == 24 * 60


def test_controls_and_what_is_invisible_is_not_handed_on() -> None:
    assert read_aloud("你\x07好\u200b吗\x00") == "你 好吗"


def test_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="neither zh nor en"):
        read_aloud("x", "fr")


# What templates and values hold: everything that a rule looks at, in any order.
WRITTEN = st.text(alphabet="0123456789年月日点分秒元%-+/:.,~#*¥$ABcdkmg°电话拨打 ，。", max_size=40)


@given(WRITTEN)
def test_no_figure_is_left(written: str) -> None:
    for language in ("zh", "en"):
        assert not any(c.isdecimal() or c in "%#*¥$°~" for c in read_aloud(written, language))


@given(st.integers(0, 10**30))
def test_every_digit_of_a_run_is_heard_once(number: int) -> None:
    said = read_aloud(f"编码{number}。")
    assert said == "编码" + "".join("零一二三四五六七八九"[int(c)] for c in str(number)) + "。" or (
        "幺" in said and len(str(number)) == 11
    )


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    assert "\x00" not in read_aloud(text)
    assert "\x00" not in read_aloud(text, "en")
