"""Character sets of PS3.3 C.12.1.1.2, in a data set and in an item of its own, and names that real files misspell."""

import io
import json

import pytest
from pydicom.charset import python_encoding

from dicom_udf.columns import selection
from dicom_udf.header import Header, read_header
from tests.header.files import element, raw_file

SINGLE = {
    "": "Buc^Jerome",
    "ISO_IR 6": "Buc^Jerome",
    "ISO_IR 100": "Buc^Jérôme",
    "ISO_IR 101": "Wałęsa",
    "ISO_IR 109": "ħĦ",
    "ISO_IR 110": "āē",
    "ISO_IR 144": "Люкceмбypг",
    "ISO_IR 127": "قباني^لنزار",
    "ISO_IR 126": "Διονυσιος",
    "ISO_IR 138": "שרון^דבורה",
    "ISO_IR 148": "Çavuşoğlu",
    "ISO_IR 203": "Œuvre€",
    "ISO_IR 166": "ไทย",
    "ISO_IR 13": "ﾔﾏﾀﾞ^ﾀﾛｳ",
    "ISO_IR 192": "Wang^XiaoDong=王^小东",
    "GB18030": "Wang^XiaoDong=王^小东=€",
    "GBK": "Wang^XiaoDong=王^小东",
}
ENCODED = {
    "": "latin-1", "ISO_IR 6": "ascii", "ISO_IR 100": "latin-1", "ISO_IR 101": "iso8859-2", "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4", "ISO_IR 144": "iso8859-5", "ISO_IR 127": "iso8859-6", "ISO_IR 126": "iso8859-7",
    "ISO_IR 138": "iso8859-8", "ISO_IR 148": "iso8859-9", "ISO_IR 203": "iso8859-15", "ISO_IR 166": "iso8859-11",
    "ISO_IR 13": "shift_jis", "ISO_IR 192": "utf-8", "GB18030": "gb18030", "GBK": "gbk",
}  # fmt: skip

# The examples of PS3.5 Annexes H, I, J and K.
EXTENDED = [
    (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    (
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    ("\\ISO 2022 IR 149", b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", "Hong^Gildong=洪^吉洞"),
    ("\\ISO 2022 IR 58", b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab", "Zhang^XiaoDong=张^小东"),
    ("\\ISO 2022 IR 159", b"x=\x1b$(D0$\x1b(B", "x=丌"),
    ("ISO 2022 IR 100\\ISO 2022 IR 144", b"J\xe9r\xf4me=\x1b-L\xbb\xee\xda", "Jérôme=Люк"),
]  # fmt: skip

MISSPELT = ["ISO-IR 100", "ISO_IR100", "ISO IR 100", "ISO_IR_100", "iso_ir 100", "ISO 2022-IR 100", "ISO_2022_IR_100"]


def padded(raw: bytes, pad: bytes = b" ") -> bytes:
    return raw + pad * (len(raw) % 2)


def charset(names: str) -> bytes:
    return element(0x00080005, "CS", padded(names.encode()))


def read(*elements: bytes) -> Header:
    return read_header(io.BytesIO(raw_file(*elements)), selection=selection())


def name_of(header: Header) -> str:
    return "=".join(json.loads(header.json)["00100010"]["Value"][0].values())


def in_order(names: str, raw: bytes) -> list[bytes]:
    return [charset(names), element(0x00100010, "PN", padded(raw))]


@pytest.mark.parametrize("names", [name for name in python_encoding if not name.startswith("ISO 2022")])
def test_every_set_of_one_code_is_tried(names: str) -> None:
    assert names in SINGLE or python_encoding[names] in {"iso8859", "utf8"}


@pytest.mark.parametrize("names", SINGLE)
def test_a_name_is_decoded_by_its_set(names: str) -> None:
    header = read(*in_order(names, SINGLE[names].encode(ENCODED[names])))
    assert name_of(header) == SINGLE[names]
    assert header.invalid_values == {"PatientID": ""} or header.invalid_values == {}


@pytest.mark.parametrize(("names", "raw", "text"), EXTENDED)
def test_code_extensions_are_followed(names: str, raw: bytes, text: str) -> None:
    header = read(*in_order(names, raw))
    assert name_of(header) == text
    assert header.invalid_values == {}


@pytest.mark.parametrize("names", MISSPELT)
def test_misspelt_names_are_mended_as_pydicom_mends_them(names: str, recwarn: pytest.WarningsRecorder) -> None:
    from pydicom.charset import convert_encodings

    header = read(*in_order(names, b"J\xe9r\xf4me"))
    assert len(recwarn) == 0
    expected = b"J\xe9r\xf4me".decode(convert_encodings(names)[0])
    assert name_of(header) == expected


def test_an_unknown_set_is_named_and_read_as_the_default() -> None:
    header = read(*in_order("KLINGON", b"J\xe9r\xf4me"))
    assert name_of(header) == "Jérôme"
    assert list(header.invalid_values) == ["SpecificCharacterSet"]


@pytest.mark.parametrize("names", ["ISO_IR 192", "GB18030", "ISO_IR 13", "\\ISO 2022 IR 87", "ISO_IR 127"])
def test_undecodable_bytes_are_replaced_and_named(names: str) -> None:
    header = read(*in_order(names, b"Doe\xff\xfe\x1b$B\x80"))
    assert "Doe" in name_of(header)
    assert "\ufffd" in name_of(header)
    assert list(header.invalid_values) == ["PatientName"]


def test_an_item_may_have_a_set_of_its_own_and_what_follows_has_not() -> None:
    inner = charset("ISO_IR 144") + element(0x00081155 + 0x00000000, "LO", padded("Люк".encode("iso8859-5")))
    sequence = b"".join(
        b"\xfe\xff\x00\xe0" + len(body).to_bytes(4, "little") + body
        for body in (inner, element(0x00081155, "LO", "Jérô".encode("latin-1")))
    )
    header = read(
        charset("ISO_IR 100"), element(0x00081115, "SQ", sequence), element(0x00100010, "PN", padded(b"J\xe9r\xf4me"))
    )
    items = json.loads(header.json)["00081115"]["Value"]
    assert [item["00081155"]["Value"] for item in items] == [["Люк"], ["Jérô"]]
    assert name_of(header) == "Jérôme"


def test_a_backslash_that_is_half_of_a_character_divides_nothing() -> None:
    raw = "ソ".encode("shift_jis")  # its second byte is a backslash
    assert raw[1:] == b"\\"
    header = read(charset("ISO_IR 13"), element(0x00081030, "LO", raw))
    assert json.loads(header.json)["00081030"]["Value"] == ["ソ"]


def test_text_outside_of_the_set_is_ascii() -> None:
    header = read(charset("ISO_IR 192"), element(0x00080060, "CS", b"M\xe9"))
    assert json.loads(header.json)["00080060"]["Value"] == ["Mé"]


CAFE = "Café^Zoë"


@pytest.mark.parametrize(
    ("names", "raw", "text"),
    [
        ("ISO 2022 IR 6\\ISO_IR 192", CAFE.encode(), CAFE),
        ("\\ISO 2022 IR 87\\ISO_IR 192", CAFE.encode(), CAFE),
        ("\\ISO 2022 IR 87\\ISO_IR 192", b"Yamada^Tarou=\x1b$B;3ED\x1b(B", "Yamada^Tarou=山田"),
        ("\\ISO 2022 IR 149\\ISO_IR 192", b"Hong^Gildong=\x1b$)C\xfb\xf3", "Hong^Gildong=洪"),
        ("ISO 2022 IR 100\\ISO_IR 192", CAFE.encode("latin-1"), CAFE),
        ("ISO 2022 IR 100\\ISO_IR 192", "山田".encode(), "山田"),  # bytes 80 to 9F are not ISO 8859-1
        ("ISO 2022 IR 13\\ISO_IR 192", "ﾔﾏﾀﾞ".encode("shift_jis"), "ﾔﾏﾀﾞ"),
        ("ISO 2022 IR 6\\ISO_IR 192", b"J\xe9r\xf4me", "Jérôme"),
        ("ISO_IR 192\\ISO 2022 IR 87", CAFE.encode(), CAFE),
        ("ISO_IR 192\\ISO_IR 192", CAFE.encode(), CAFE),
        ("GB18030\\ISO 2022 IR 58", "王^小东".encode("gb18030"), "王^小东"),
        ("ISO 2022 IR 6\\GB18030", b"Doe^Jane", "Doe^Jane"),
        ("ISO 2022 IR 6\\GBK", b"Doe^Jane", "Doe^Jane"),
    ],
)
def test_a_set_that_can_not_be_an_extension_is_named_and_utf_8_read_where_nothing_else_fits(
    names: str, raw: bytes, text: str
) -> None:
    header = read(*in_order(names, raw))
    assert name_of(header) == text
    assert list(header.invalid_values) == ["SpecificCharacterSet"]


@pytest.mark.parametrize(("names", "raw", "text"), EXTENDED)
def test_extensions_are_read_the_same_where_utf_8_is_named_behind_them(names: str, raw: bytes, text: str) -> None:
    header = read(*in_order(names + "\\ISO_IR 192", raw))
    assert name_of(header) == text
    assert list(header.invalid_values) == ["SpecificCharacterSet"]
