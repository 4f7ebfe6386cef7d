"""The national interface as deployments speak it: a settlement event put the way a hospital's system would send it.

Written from the interface, not from the adapter: what it does not carry goes into the extension object, and every
spelling, type and order that deployments differ in is drawn by chance. All data are synthetic.
"""

from __future__ import annotations

import random
from typing import Any

import orjson

from tests.builders import NATIONAL, ZHEJIANG, Event

Message = dict[str, Any]

INSUTYPE = {"employee": ["310"], "resident": ["390", "391", "392"]}
PSN_TYPE = {
    "in_service": ["11", "1101"],
    "retired": ["12", "1203", "13"],
    "minor": ["14", "1404"],
    "adult": ["15", "1501"],
    "senior": ["16"],
}
HOSP_LV = {
    "tertiary": ["01", "02", "03", "04"],
    "secondary": ["05", "06", "07"],
    "primary": ["08", "09", "10"],
    "ungraded": ["11"],
}
LOCAL = {NATIONAL: "002304000070000-330100A1", ZHEJIANG: "23040000700HZ1"}
CODES = f"""local,national,match
{NATIONAL}-,{NATIONAL},prefix
{ZHEJIANG}HZ,{ZHEJIANG},prefix
PETCT9,{NATIONAL},exact
"""
OTHERS = ["001101000010000", "XA11CCW047A001010102954", "003107020010000"]


class Speaker:
    """One deployment's way to write; `dice` decide anew for every value."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def message(self, event: Event) -> Message:
        """The record for a contract event, whatever its type."""
        kind = event["event_type"]
        if kind == "settlement.completed":
            return self._settlement(event)
        return self._reversal(event) if kind == "settlement.reversed" else self._void(event)

    def _settlement(self, event: Event) -> Message:
        dice, hospital, patient = self.dice, event["hospital"], event["patient"]
        inpatient = dice.random() < 0.4
        visit_id, psn_no = "M" + event["settlement_id"], patient["person_id"]
        message = self._envelope(event, dice.choice(["2304", "2304A"]) if inpatient else dice.choice(["2207", "2207A"]))
        rows = self._rows(event, visit_id, psn_no)
        fees, sent = ("2301" if inpatient else "2204"), dice.randrange(len(rows) + 1)
        uploads = [rows[:sent], rows[sent:]] if dice.random() < 0.5 else [rows]
        visit = [self._part("1101", {}, self._person(event))] if dice.random() < 0.5 else []
        diagnoses = self._diagnoses(event)
        visit.append(self._part("2401" if inpatient else "2203", {"mdtrtinfo": {"mdtrt_id": visit_id}, **diagnoses}))
        visit += [self._part(fees, {"feedetail": upload}) for upload in uploads]
        data = {
            "psn_no": self._text(psn_no),
            "mdtrt_id": visit_id,
            "insutype": dice.choice(INSUTYPE[patient["scheme"]]),
            "medfee_sumamt": self._number("5300.00"),
            "exp_content": self._content(self._added(event, told_by_1101=visit[0]["infno"] == "1101")),
        }
        if "exp_content" in data and dice.random() < 0.3:
            data["expContent"] = data.pop("exp_content")
        message["input"] = {"data": data}
        if dice.random() < 0.3:
            # Everything in the settlement's own input instead of the messages before it.
            message["input"] |= {"feedetail": rows, **diagnoses}
            visit = [part for part in visit if part["infno"] == "1101"]
        if visit:
            message["visit"] = visit
        insutype = data["insutype"] if dice.random() < 0.5 else int(data["insutype"])
        message["output"] = {
            "setlinfo": {
                "setl_id": self._text(event["settlement_id"]),
                "mdtrt_id": visit_id,
                "psn_no": psn_no,
                "psn_name": patient["name"],
                "brdy": patient["birth_date"] + dice.choice(["", " 00:00:00"]),
                "insutype": insutype,
                "psn_type": self._code(dice.choice(PSN_TYPE[patient["status"]])),
                "hosp_lv": self._code(dice.choice(HOSP_LV[hospital["level"]])),
                "setl_time": event["occurred_at"][:19].replace("T", " "),
                "maf_pay": dice.choice(["0.00", 0, None, ""]),
            },
            "setldetail": [],
        }
        return self._shuffled(message)

    def _rows(self, event: Event, visit_id: str, psn_no: str) -> list[Message]:
        """Each line at the place that its number says, others' between them."""
        dice, lines = self.dice, {line["line_no"]: line for line in event["line_items"]}
        serial = {number: self._serial(number) for number in range(1, max(lines) + 1)}
        rows = []
        for number in range(1, max(lines) + 1):
            line = lines.get(number)
            if line is None:
                rows.append({"feedetl_sn": serial[number], "med_list_codg": dice.choice([*OTHERS, None]), "cnt": None})
                continue
            named = line["refunds_line_no"]
            original = serial.get(named) if named is not None else dice.choice([None, ""])
            if original is not None and dice.random() < 0.5:
                original = str(original)
            code = line["item_code"]
            rows.append(
                {
                    "feedetl_sn": serial[number],
                    "init_feedetl_sn": original,
                    "mdtrt_id": visit_id,
                    "psn_no": self._text(psn_no),
                    "fee_ocur_time": line["service_date"] + dice.choice([" 00:00:00", " 23:59:59", ""]),
                    "med_list_codg": dice.choice([code, LOCAL[code]]) if code in LOCAL else code,
                    "medins_list_codg": "HIS-1",
                    "det_item_fee_sumamt": self._number(line["amount"]),
                    "cnt": self._number(line["quantity"]),
                    "pric": self._number(line["unit_price"]),
                    "fulamt_ownpay_amt": line["amount"],
                    "exp_content": self._content({"out_of_catalogue_amount": line["out_of_catalogue_amount"]}),
                }
            )
        return rows

    def _diagnoses(self, event: Event) -> Message:
        rows = [
            {
                "diag_type": self.dice.choice(["1", 1]),
                "diag_srt_no": self._code(str(place)),
                "maindiag_flag": "1" if diagnosis.get("main") else self.dice.choice(["0", None]),
                "diag_code": diagnosis["code"],
                "diag_name": diagnosis["name"],
                "vali_flag": "1",
            }
            for place, diagnosis in enumerate(event["diagnoses"], 1)
        ]
        chinese = {"diag_type": "2", "diag_code": "A17.01", "diag_name": "示例中医病名"}
        withdrawn = {"diag_type": "1", "diag_code": "C50.9", "diag_name": "作废", "vali_flag": "0"}
        rows += [chinese | {"diag_srt_no": len(rows) + 1}, withdrawn | {"diag_srt_no": "0"}]
        self.dice.shuffle(rows)
        return {"diseinfo": rows}

    def _person(self, event: Event) -> Message:
        patient = event["patient"]
        insured = {
            "insutype": self.dice.choice(INSUTYPE[patient["scheme"]]),
            "psn_insu_stas": "1" if patient["insurance_active"] else self.dice.choice(["2", 4]),
        }
        return {"baseinfo": {"psn_no": patient["person_id"]}, "insuinfo": [insured]}

    def _added(self, event: Event, *, told_by_1101: bool) -> Message:
        """What the interface has no field for; the state of the insurance too where no 1101 tells it for sure."""
        hospital, patient = event["hospital"], event["patient"]
        person = {name: patient.get(name) for name in ("tier", "assistance")}
        if not told_by_1101 or patient["scheme"] == "resident":
            person["insurance_active"] = patient["insurance_active"]
        return {
            "hospital": {
                # The envelope has it too, as the area of the visit.
                "region": self.dice.choice([hospital["region"], None]),
                "ownership": hospital["ownership"],
                "designated": hospital["designated"],
            },
            "patient": person,
            **{name: event.get(name) for name in ("claim_channel", "account", "filing", "request", "manual_claim")},
        }

    def _reversal(self, event: Event) -> Message:
        message = self._envelope(event, self._one_of("2208", "2305", 2208, "2208A"))
        added = {
            "reverses": {"event_id": event["reverses"]["event_id"]},
            "reason": event["reason"],
            "item_codes": event.get("item_codes"),
        }
        data = {"setl_id": event["reverses"]["settlement_id"], "exp_content": self._content(added)}
        return self._shuffled(
            message | {"input": {"data": data}, "output": {"setlinfo": {"setl_id": event["settlement_id"]}}}
        )

    def _void(self, event: Event) -> Message:
        message = self._envelope(event, "2601")
        added = {
            "reverses": {"settlement_id": event["settlement_id"]},
            "reason": event["reason"],
            "item_codes": event.get("item_codes"),
        }
        data = {
            "omsgid": event["reverses"]["event_id"],
            "oinfno": self.dice.choice(["2207", 2304]),
            "exp_content": self._content(added),
        }
        return self._shuffled(message | {"input": {"data": data}})

    def _envelope(self, event: Event, infno: str | int) -> Message:
        patient, hospital = event.get("patient", event), event.get("hospital", {})
        return {
            "infno": infno,
            "msgid": event["event_id"],
            self.dice.choice(["insuplc_admdvs", "insuplc_admvs"]): self._code(patient["insured_region"]),
            self.dice.choice(["mdtrtarea_admvs", "mdtrtarea_admdvs"]): self._code(hospital.get("region", "330100")),
            "fixmedins_code": hospital.get("code", "H33010200001"),
            "fixmedins_name": hospital.get("name", "示例医院"),
            "inf_time": event["occurred_at"][:19].replace("T", " "),
            "infver": "V1.0",
            "infcode": self.dice.choice([0, "0"]),
        }

    def _part(self, infno: str, given: Message, output: Message | None = None) -> Message:
        return {"infno": infno, "input": given, "output": output, "infcode": self.dice.choice([0, "0", None])}

    def _content(self, added: Message) -> Any:
        return self.dice.choice([{"petct": added}, orjson.dumps({"petct": added, "er_flag": "0"}).decode()])

    def _one_of(self, *values: str | int) -> str | int:
        return self.dice.choice(values)

    def _serial(self, number: int) -> str | int:
        return self._one_of(number, str(number), f"FS{number:05d}")

    def _text(self, value: str) -> str | int:
        return self._one_of(value, f" {value} ", *([int(value)] if value.isdigit() and value[0] != "0" else []))

    def _code(self, value: str) -> str | int:
        return self._one_of(value, int(value))

    def _number(self, value: str) -> Any:
        """As text, padded text, or the JSON number that is as exact."""
        number = float(value)
        exact = [number] if repr(number) == value.rstrip("0").rstrip(".") or repr(number) == value else []
        return self.dice.choice([value, f" {value}", *exact, *([int(number)] if number == int(number) else [])])

    def _shuffled(self, message: Message) -> Message:
        names = list(message)
        self.dice.shuffle(names)
        return {name: message[name] for name in names}


def written(message: Message, dice: random.Random) -> bytes:
    """As bytes, compact or indented: who writes JSON puts blanks where he likes."""
    return orjson.dumps(message, option=orjson.OPT_INDENT_2 if dice.random() < 0.3 else 0)
