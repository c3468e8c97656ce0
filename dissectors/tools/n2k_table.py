#!/usr/bin/env python3
"""Makes dissectors/src/maritime/n2k/pgns.tsv from the public CANboat PGN definitions.

    python3 dissectors/tools/n2k_table.py canboat.json canboat-j1939-pgns.json > dissectors/src/maritime/n2k/pgns.tsv

canboat.json is docs/canboat.json of https://github.com/canboat/canboat (Apache-2.0); the second file is the list of its
database/j1939/pgns/*.yaml as JSON objects {"PGNs": [{"def": ...}]}. Only facts are taken over: numbers, names, layouts,
scalings and code lists; no descriptions. Run it again for a new edition and read the difference.

Lines of the result, columns separated by one tab, empty columns at the end left out:
  E kind              a code list; kind p pairs, b bits, i indirect (two keys), f codes that carry a field type.
                      Lists are numbered from 0 in the order of the file.
  v code name         one entry of the list above (i: first code, second code, name; f: code, name, type, resolution,
                      unit, offset, list)
  P pgn kind name framing fallback set1 set2
                      one definition; framing S single, F fast packet, T transport protocol, M mixed;
                      a set is start:size:count with 1-based field numbers, count 0 = as many as fit
  F name type resolution unit offset list match extra
                      one field of the definition above; type = letter, bits, "s" when signed, "!n" when other than the
                      usual number of top values means "not available"; offset is added after scaling; extra is the
                      1-based field holding the length in bits (binary), the bytes a length field counts too much
                      (dynamic length), "p" for fields present only for proprietary PGNs (126208), or the 1-based field of the
                      first code of an indirect list
Letters: N number L lookup I indirect lookup B bit lookup R reserved S spare X binary D duration T time A date M MMSI
G PGN O ISO NAME f float d decimal s fixed string u LAU string z LZ string K dynamic key H dynamic length V dynamic
value W variable Y field index Q trouble code (suspect parameter number and failure mode of SAE J1939-73).
"""
import json
import re
import sys

LETTERS = {
    "NUMBER": "N", "LOOKUP": "L", "INDIRECT_LOOKUP": "I", "BITLOOKUP": "B", "RESERVED": "R", "SPARE": "S",
    "BINARY": "X", "DURATION": "D", "TIME": "T", "DATE": "A", "MMSI": "M", "PGN": "G", "ISO_NAME": "O", "FLOAT": "f",
    "DECIMAL": "d", "STRING_FIX": "s", "STRING_LAU": "u", "STRING_LZ": "z", "DYNAMIC_FIELD_KEY": "K",
    "DYNAMIC_FIELD_LENGTH": "H", "DYNAMIC_FIELD_VALUE": "V", "VARIABLE": "W", "FIELD_INDEX": "Y",
}
FRAMINGS = {"Single": "S", "Fast": "F", "ISO": "T", "Mixed": "M"}
# The catch-all definitions have ids made of hexadecimal ranges; these kinds say what they are.
FALLBACK_KINDS = {
    59392: "unknown-addressed", 61184: "proprietary-addressed", 61440: "unknown-broadcast",
    65280: "proprietary-broadcast", 126208: "unknown-addressed-fast", 126720: "proprietary-addressed-fast",
    126976: "unknown-broadcast-mixed", 130816: "proprietary-broadcast-fast",
}
KINDS = {"iso-address-claim": "address-claim"}

# What the type words of the J1939 definitions mean: (letter, bits, resolution, unit, offset).
# SAE J1939-71: percent torque is 1 %/bit from -125 %, 8-bit temperature 1 K/bit from -40 C, 16-bit temperature
# 0.03125 K/bit from -273 C. CANboat reads the first as a plain signed byte and scales the offset of the last.
J1939_TYPES = {
    "UINT8": ("N", 8, 1, "", 0), "UINT16": ("N", 16, 1, "", 0), "INT8": ("N", 8, 1, "", -125),
    "VOLTAGE_UFIX16_V": ("N", 16, 1, "V", 0), "VOLTAGE_UFIX16_50MV": ("N", 16, 0.05, "V", 0),
    "TEMPERATURE_UFIX16_J1939": ("N", 16, 0.03125, "K", 0.15),
    "TEMPERATURE_UINT8_OFFSET": ("N", 8, 1, "K", 233.15),
    "PERCENTAGE_UINT8": ("N", 8, 1, "%", 0), "PERCENTAGE_INT8": ("N", 8, 1, "%", -125),
    "FREQUENCY_UFIX16": ("N", 16, 0.0078125, "Hz", 0), "PRESSURE_UFIX16_HPA": ("N", 16, 100, "Pa", 0),
    "PRESSURE_UINT8_2KPA": ("N", 8, 2000, "Pa", 0), "PRESSURE_UINT8_005KPA": ("N", 8, 50, "Pa", 0),
    "PRESSURE_UINT8_KPA": ("N", 8, 500, "Pa", 0), "PRESSURE_UFIX16_KPA": ("N", 16, 1000, "Pa", 0),
    "POWER_FIX32_OFFSET": ("N", 32, 1, "W", -2000000000), "POWER_FIX32_VA_OFFSET": ("N", 32, 1, "VA", -2000000000),
    "POWER_FIX32_VAR_OFFSET": ("N", 32, 1, "VAR", -2000000000), "POWER_UINT16_VAR": ("N", 16, 1, "VAR", 0),
    "CURRENT_UFIX16_A": ("N", 16, 1, "A", 0), "VOLUME_UFIX32_HL": ("N", 32, 0.5, "L", 0),
    "ROTATION_UFIX16_RPM_HIGHRES": ("N", 16, 0.125, "rpm", 0), "ROTATION_UFIX16_RPM": ("N", 16, 0.125, "rpm", 0),
    "ENERGY_UINT32": ("N", 32, 1, "kWh", 0), "DURATION_UFIX32_J1939_HOURS": ("D", 32, 180, "s", 0),
    "DURATION_UFIX16_S": ("D", 16, 1, "s", 0), "DISTANCE_PER_VOLUME_UFIX16_J1939": ("N", 16, 0.001953125, "km/L", 0),
    "VOLUMETRIC_FLOW_UFIX16_J1939": ("N", 16, 0.05, "L/h", 0),
}
# Parameter groups the lists above lack or describe too thinly (SAE J1939-71, J1939-73): pgn, kind, name, set, fields.
LAMPS = [(f"{lamp}_lamp_{what}", code) for what, code in (("status", "N2!0"), ("flash", "N2"))
         for lamp in ("protect", "amber_warning", "red_stop", "malfunction")]
CODES = [("spn", "Q24"), ("oc", "N7!0"), ("cm", "N1!0")]
DIAGNOSTIC = {
    65226: ("active-trouble-codes", "Active Trouble Codes"),
    65227: ("previously-active-trouble-codes", "Previously Active Trouble Codes"),
}
HEAD = [("sid", "N8"), ("model_id", "N16"), ("serial_id", "N32")]
LOADS = [f"ch{channel}_{way}_{what}" for channel in (1, 2) for way, what in (
    ("rx", "bandwidth"), ("rx", "load"), ("rx", "filtered"), ("rx", "dropped"), ("tx", "bandwidth"), ("tx", "load"))]
BUFFERS = [f"ch{channel}_{what}" for channel in (1, 2) for what in (
    "bandwidth", "deleted", "bufferloading", "pointerloading")]
# What gateways say of themselves; CANboat counts these groups from 0x40000 (its database/pgns/262*.yaml).
GATEWAYS = [
    (262161, "actisense-operating-mode", "Actisense: Operating mode", [
        *HEAD, ("error_id", "N32"), ("operating_mode", "N16")]),
    (262384, "actisense-startup-status", "Actisense: Startup status", [
        *HEAD, ("error_id", "N32"), ("firmware_version", "N16", 0.001), ("reset_status", "N8"), ("a", "N8")]),
    (262386, "actisense-system-status", "Actisense: System status", [
        *HEAD, ("error_id", "N32"), ("indi_channel_count", "N8"), *((name, "N8") for name in LOADS),
        ("uni_channel_count", "N8"), *((name, "N8") for name in BUFFERS)]),
    (262388, "actisense-gateway", "Actisense: ?", HEAD),
    (262400, "gateway-network-status", "NMEA 2000 gateway: network status", [
        ("can_network_load", "N8"), ("errors", "N32"), ("device_count", "N8"), ("uptime", "D32", 1, "s"),
        ("gateway_address", "N8"), ("rejected_tx_requests", "N32")]),
]
EXTRA = [
    (0, "torque-speed-control", "Torque/Speed Control 1 (TSC1)", [
        ("override_control_mode", "N2!0"), ("requested_speed_control_conditions", "N2!0"),
        ("override_control_mode_priority", "N2!0"), ("reserved", "R2"),
        ("requested_speed", "N16", 0.125, "rpm"), ("requested_torque", "N8", 1, "%", -125),
        ("transmission_rate", "N3!0"), ("control_purpose", "N5!0"), ("requested_torque_fraction", "N4", 0.125, "%"),
        ("reserved_8", "R12"), ("message_counter", "N4"), ("message_checksum", "N4!0")]),
    (65228, "clear-previously-active-trouble-codes", "Clear Previously Active Trouble Codes (DM3)", [("data", "X64")]),
    (65235, "clear-active-trouble-codes", "Clear Active Trouble Codes (DM11)", [("data", "X64")]),
    (65242, "software-identification", "Software Identification (SOFT)", [("number_of_fields", "N8"), ("text", "s1600")]),
    (65259, "component-identification", "Component Identification (CI)", [("text", "s1600")]),
    (65260, "vehicle-identification", "Vehicle Identification (VI)", [("text", "s1600")]),
    (65248, "vehicle-distance", "Vehicle Distance (VD)", [
        ("trip_distance", "N32", 0.125, "km"), ("total_vehicle_distance", "N32", 0.125, "km")]),
    (65263, "engine-fluid-level-pressure", "Engine Fluid Level/Pressure 1 (EFL/P1)", [
        ("fuel_delivery_pressure", "N8", 4000, "Pa"), ("extended_crankcase_blow_by_pressure", "N8", 50, "Pa"),
        ("engine_oil_level", "N8", 0.4, "%"), ("engine_oil_pressure", "N8", 4000, "Pa"),
        ("crankcase_pressure", "N16", 7.8125, "Pa", -250000), ("coolant_pressure", "N8", 2000, "Pa"),
        ("coolant_level", "N8", 0.4, "%")]),
    (65265, "cruise-control-vehicle-speed", "Cruise Control/Vehicle Speed (CCVS)", [
        ("switches_1", "X8"), ("wheel_based_vehicle_speed", "N16", 0.0010850694444444444, "m/s"), ("switches_2", "X40")]),
]


def snake(text):
    return re.sub(r"_+", "_", re.sub(r"[^a-z0-9]+", "_", text.lower())).strip("_")


def kebab(identifier):
    words = re.sub(r"([A-Z])([A-Z][a-z])", r"\1-\2", re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", identifier))
    return words.lower().replace("_", "-")


def usual_sentinels(bits):
    return 3 if bits >= 8 else 2 if bits >= 4 else 1 if bits >= 2 else 0


def number(value):
    if value in (None, "", 0):
        return ""
    return repr(value) if value != int(value) else str(int(value))


def row(*columns):
    print("\t".join(str(c) for c in columns).rstrip("\t"))


def type_code(letter, bits, signed, sentinels):
    code = f"{letter}{bits or ''}{'s' if signed else ''}"
    return code if sentinels is None or sentinels == usual_sentinels(bits or 0) else f"{code}!{sentinels}"


def unique_names(names):
    seen = set()
    for order, name in enumerate(names, 1):
        base = snake(name) or "field"
        if base in seen:
            base = f"{base}_{order}"
        seen.add(base)
        yield base


def sentinels_of(field):
    if field["FieldType"] not in ("NUMBER", "TIME", "DURATION", "FIELD_INDEX", "DYNAMIC_FIELD_LENGTH") or "Match" in field:
        return None
    if field.get("BitLength") == 64:
        return None  # the list cannot tell 64-bit values apart in double precision and leaves the keys out
    return sum(key in field for key in ("UnknownValue", "OutOfRangeValue", "ReservedValue"))


class Lists:
    """The code lists, numbered in the order they are written."""

    def __init__(self, data):
        self.numbers = {}
        self.rows = []
        for entry in data["LookupEnumerations"]:
            self.add(entry["Name"], "p", [(v["Value"], v["Name"]) for v in entry["EnumValues"]])
        for entry in data["LookupBitEnumerations"]:
            self.add(entry["Name"], "b", [(v["Bit"], v["Name"]) for v in entry["EnumBitValues"]])
        for entry in data["LookupIndirectEnumerations"]:
            self.add(entry["Name"], "i", [(v["Value1"], v["Value2"], v["Name"]) for v in entry["EnumValues"]])
        for entry in data["LookupFieldTypeEnumerations"]:
            self.add(entry["Name"], "f", [self.dynamic(v) for v in entry["EnumFieldTypeValues"]])

    def add(self, name, kind, rows):
        self.numbers[name] = len(self.rows)
        keys = 2 if kind == "i" else 1
        self.rows.append((kind, sorted(rows, key=lambda r: r[:keys])))

    def dynamic(self, value):
        letter = LETTERS[value["FieldType"]]
        name = value.get("LookupEnumeration") or value.get("LookupBitEnumeration")
        resolution = value.get("Resolution")
        return (value["value"], value["name"], type_code(letter, int(value["Bits"]), value.get("Signed"), None),
                "" if resolution in (None, 1) else number(resolution), value.get("Unit", ""), "",
                "" if name is None else self.numbers[name])

    def write(self):
        for kind, rows in self.rows:
            row("E", kind)
            for entry in rows:
                row("v", *entry)


def write_definition(definition, lists):
    sets = []
    for n in (1, 2):
        start = definition.get(f"RepeatingFieldSet{n}StartField")
        size, count = definition.get(f"RepeatingFieldSet{n}Size"), definition.get(f"RepeatingFieldSet{n}CountField", 0)
        sets.append(f"{start}:{size}:{count}" if start else "")
    fallback = bool(definition.get("Fallback"))
    kind = FALLBACK_KINDS[definition["PGN"]] if fallback else kebab(definition["Id"])
    row("P", definition["PGN"], KINDS.get(kind, kind), definition["Description"], FRAMINGS[definition["Type"]],
        "1" if fallback else "", *sets)
    names = unique_names(field["Name"] for field in definition["Fields"])
    for name, field in zip(names, definition["Fields"]):
        bits = None if field.get("BitLengthVariable") else field.get("BitLength")
        listed = next((field[k] for k in ("LookupEnumeration", "LookupBitEnumeration", "LookupIndirectEnumeration",
                                          "LookupFieldTypeEnumeration") if k in field), None)
        extra = field.get("BitLengthField") or field.get("DynamicFieldLengthOverhead") or field.get(
            "LookupIndirectEnumerationFieldOrder") or ("p" if "Condition" in field else "")
        resolution = field.get("Resolution")
        # An offset makes the raw number unsigned ("excess K"); the sign bit is then part of the value.
        signed = field.get("Signed") and not field.get("Offset")
        row("F", name, type_code(LETTERS[field["FieldType"]], bits, signed, sentinels_of(field)),
            "" if resolution in (None, 1) else number(resolution), field.get("Unit", ""), number(field.get("Offset")),
            "" if listed is None else lists.numbers[listed], field.get("Match", ""), extra)


def write_j1939(definition, lists):
    row("P", definition["pgn"], kebab(definition["id"]), definition["description"], FRAMINGS[definition["type"]])
    fields = definition["fields"]
    for name, field in zip(unique_names(f["name"] for f in fields), fields):
        word = field["type"]
        if word in J1939_TYPES:
            letter, bits, resolution, unit, offset = J1939_TYPES[word]
        else:
            letter = "N" if word == "UNSIGNED_INTEGER" else LETTERS[word]
            bits, resolution, unit, offset = field["bits"], 1, "", 0
        bits = field.get("bits", bits)
        resolution, unit = field.get("resolution", resolution), field.get("unit", unit)
        factor = {"kPa": (1000, "Pa"), "MPa": (1000000, "Pa"), "kW": (1000, "W"), "h": (3600, "s"),
                  "kg/h": (1 / 3600, "kg/s")}.get(unit)
        if factor:
            resolution, unit = resolution * factor[0], factor[1]
        listed = lists.numbers.get(field["lookup"], lists.numbers["MANUFACTURER_CODE"]) if "lookup" in field else ""
        row("F", name, type_code(letter, bits, False, None), "" if resolution == 1 else number(resolution), unit,
            number(offset), listed)


def write_extra():
    for pgn, (kind, name) in DIAGNOSTIC.items():
        row("P", pgn, kind, name, "S", "", f"{len(LAMPS) + 1}:{len(CODES)}:0")
        for field in LAMPS + CODES:
            row("F", *field)
    for pgn, kind, name, fields in GATEWAYS + EXTRA:
        row("P", pgn, kind, name, "S")
        for field in fields:
            name, code, resolution, unit, offset = (*field, *(None, None, 1, "", 0)[len(field):])
            row("F", name, code, "" if resolution == 1 else number(resolution), unit, number(offset))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        data = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        j1939 = [entry["def"] for entry in json.load(file)["PGNs"]]
    print("# NMEA 2000 and J1939 parameter groups: numbers, names, layouts, scalings and code lists.")
    print(f"# Facts from the CANboat PGN definitions {data['Version']} (schema {data['SchemaVersion']}), "
          "(C) 2009-2026 Kees Verruijt, Harlingen, The Netherlands, https://github.com/canboat/canboat,")
    print("# Apache License 2.0. J1939 diagnostics and TSC1 after SAE J1939-71/-73.")
    print("# Generated by dissectors/tools/n2k_table.py, which describes the columns. Do not edit.")
    lists = Lists(data)
    lists.write()
    known = set()
    for definition in data["PGNs"]:
        known.add(definition["PGN"])
        write_definition(definition, lists)
    ours = set(DIAGNOSTIC) | {entry[0] for entry in EXTRA}
    for definition in j1939:
        if definition["pgn"] not in known | ours:
            write_j1939(definition, lists)
    write_extra()


if __name__ == "__main__":
    main()
