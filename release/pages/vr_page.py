"""The reference of types by VR (docs/reference/vr_types.md), made from the table of VRs.

``python -m release.pages.vr_page`` prints it.
"""

from __future__ import annotations

import sys

from dicom_udf.header.vr import VRS

__all__ = ["vr_page"]

_INTRODUCTION = """\
# Types by VR

Made from `dicom_udf/header/vr.py` by `make docs`; don't edit.

A value is decoded by the VR in the file and converted to the type of the dictionary's VR (PS3.6). Where the VM there
is not 1 the column is an array of the type; an empty item is null, a bad item is null and its attribute is named in
`invalid_values`. A value that is null for the reason in the last column is named there too; it never costs the row.

| VR | column type | accepted spellings | null where |
|---|---|---|---|
"""

_RULES = """
## Rules for all

* An absent value, an empty one, and one of padding only are null and are not named.
* Where the VM is 1 and the file has several values: text stays joined as written (`T2\\FLAIR`); numbers, dates and
  times take the value if all agree, else they are null and named.
* Spaces around text of AE, AS, CS, LO, PN, SH and UI pad it and are left out; those in front of LT, ST, UC, UR and UT
  belong to it.
* `US or SS` follows the nearest PixelRepresentation before it, in its own item or around it.
* A public element stored as UN is read by the dictionary's VR, a private one by pydicom's private dictionary, unless
  its bytes can't be of that VR: numbers of another size, a sequence without an item.
* Where the file has DS or IS and the column is a text or a whole number, the digits are those of the header JSON:
  `007` is `7`.
* A fraction of a second is cut to six digits, a DT's offset from UTC is left out. A second of 60 is kept as written in
  TM and makes a DT null, since a timestamp has none.
* Sequences have no scalar type. A code sequence is an array of structs `code_value`, `coding_scheme_designator`,
  `code_meaning`; `code_value` is CodeValue, LongCodeValue or URNCodeValue (PS3.3 Table 8.8-1a). An item that has none
  of the parts is null, so that places stay what they are in the file.
* Bytes that the character set does not have become U+FFFD, and the attribute is named.
"""


def vr_page() -> str:
    """Return the page as Markdown."""
    lines = [
        f"| {vr.name} | {f'`{vr.type}`' if vr.type else 'none'} | {vr.accepts or 'only in `header`'} | {vr.nulls} |"
        for vr in VRS.values()
    ]
    return _INTRODUCTION + "\n".join(lines) + "\n" + _RULES


if __name__ == "__main__":
    sys.stdout.write(vr_page())
