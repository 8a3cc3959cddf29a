"""Messages of a hospital that is not there: each is made from its number alone, so a run can be repeated.

HL7 v2.5.1: ADT^A01, A08, A03 of visits, and ORU^R01 with a panel of eight results.
"""

import datetime

PANEL = [
    ("2345-7", "Glucose", "mmol/L", "3.9-5.6"),
    ("2160-0", "Creatinine", "umol/L", "50-98"),
    ("2823-3", "Potassium", "mmol/L", "3.5-5.1"),
    ("2951-2", "Sodium", "mmol/L", "136-145"),
    ("2075-0", "Chloride", "mmol/L", "98-107"),
    ("1963-8", "Bicarbonate", "mmol/L", "22-29"),
    ("17861-6", "Calcium", "mmol/L", "2.1-2.6"),
    ("3094-0", "Urea nitrogen", "mmol/L", "2.5-7.8"),
]
FAMILIES = "Okafor Müller Rossi Tanaka Ivanova Haddad Silva Nowak Jensen Kaya Moreau Singh".split()
GIVEN = "Ada Ben Chloé Dmitri Elif Femi Grete Hugo Ines Jonas Katia Liam".split()
BEGIN = datetime.datetime(2026, 1, 1)


def adt(number, patients, run):
    """Every third message ends the visit that the two before have begun and told more of."""
    stay, step = divmod(number, 3)
    patient = stay * 7919 % patients
    event, structure = [("ADT^A01", "ADT_A01"), ("ADT^A08", "ADT_A01"), ("ADT^A03", "ADT_A03")][step]
    lines = [
        header(event, structure, number, run),
        f"EVN||{moment(number)}",
        person(patient),
        visit(f"{run}-{stay}", patient, moment(3 * stay), moment(number) if step == 2 else ""),
    ]
    if step == 0:
        lines.append("AL1|1|DA|7980^Penicillin^RXNORM|MO|Hives")
    if step == 1:
        lines.append(f"DG1|1||I1{patient % 6}^Condition {patient % 6}^I10||{moment(number)[:8]}|W")
    return "\r".join(lines) + "\r"


def oru(number, patients, run):
    """A panel of eight results of one of the patients, who is in a visit."""
    patient = number * 7919 % patients
    order = f"{run}-{number}"
    lines = [
        header("ORU^R01", "ORU_R01", number, run),
        person(patient),
        visit(f"R{patient}", patient, moment(0), ""),
        f"ORC|RE|P{order}^KIS^2.999.50.4^ISO|F{order}^LAB^2.999.50.5^ISO",
        f"OBR|1|P{order}^KIS^2.999.50.4^ISO|F{order}^LAB^2.999.50.5^ISO|24323-8^Comprehensive metabolic panel^LN|||"
        f"{moment(number)}|||||||||||||||{moment(number)}||CH|F",
    ]
    for place, (code, name, unit, usual) in enumerate(PANEL, 1):
        low, high = map(float, usual.split("-"))
        value = round(low + (number * 31 + place * 17) % 100 / 90 * (high - low), 2)
        flag = "H" if value > high else ""
        lines.append(f"OBX|{place}|NM|{code}^{name}^LN||{value}|{unit}^^UCUM|{usual}|{flag}|||F|||{moment(number)}")
    return "\r".join(lines) + "\r"


def moment(number):
    return (BEGIN + datetime.timedelta(seconds=7 * number)).strftime("%Y%m%d%H%M%S") + "+0000"


def header(event, structure, number, run):
    fields = ["MSH", "^~\\&", "BENCH", "HALL^2.999.50^ISO", "MEDILINK", "HERE", moment(number), "", f"{event}^{structure}",
              f"{run}-{number}", "P", "2.5.1", "", "", "", "", "", "UNICODE UTF-8"]
    return "|".join(fields)


def person(patient):
    family, given = FAMILIES[patient % len(FAMILIES)], GIVEN[patient // len(FAMILIES) % len(GIVEN)]
    born = (datetime.date(1930, 1, 1) + datetime.timedelta(days=patient * 37 % 33000)).strftime("%Y%m%d")
    return (f"PID|1||{100000 + patient}^^^HALL&2.999.50.1&ISO^MR||{family}^{given}^^^^^L||{born}|{'FM'[patient % 2]}|||"
            f"Street {patient % 97}^^Town^^{10000 + patient % 80000}^DEU^H||^PRN^PH^^49^30^{5550000 + patient}")


def visit(name, patient, begun, ended):
    bed = patient % 480
    fields = [""] * 46
    fields[0:4] = ["PV1", "1", "I", f"W{bed // 12}^R{bed % 12 // 4}^B{bed % 4}^HALL"]
    fields[7] = f"{500 + patient % 60}^Doe^Dana^^^Dr.^^^&2.999.50.2&ISO"
    fields[10] = "MED"
    fields[19] = f"V{name}^^^HALL&2.999.50.3&ISO^VN"
    fields[44:46] = [begun, ended]
    return "|".join(fields)
