// Opens an emergency card: a SMART Health Link in the fragment of the address, which never reaches the server.
"use strict";

const EMERGENCY = "C";
const REFUSALS = {
  404: "This card is not in use any more. It was replaced, revoked, or has run out.",
  403: "This card was read too often today. Clinicians: sign in here, then scan the card again.",
  429: "This card was read too often within the hour. Try again later.",
};

const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

const read = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

/** Words for a person, instead of what a machine says. */
class Refusal extends Error {}

function payload() {
  const found = /shlink:\/([A-Za-z0-9_-]+)/.exec(location.hash);
  if (!found) {
    throw new Refusal("Scan the code on the card: its address leads here, and this one has no card in it.");
  }
  return read(toBytes(found[1]));
}

/** Asks for the file; a link with a passcode asks the reader first. */
async function fetched(link) {
  // The page may speak to its own server alone, whatever address a link names.
  const url = new URL(link.url);
  if (!(link.flag || "").includes("P")) {
    url.searchParams.set("recipient", "Viewer of " + document.body.dataset.place);
    const answer = await fetch(url, { cache: "no-store", referrerPolicy: "no-referrer" });
    if (!answer.ok) {
      throw new Refusal(REFUSALS[answer.status] || "The server did not answer as expected.");
    }
    return answer.text();
  }
  for (let left = null; ; ) {
    const told = left === null ? "" : `Wrong. Tries left: ${left}. `;
    const passcode = prompt(told + "The passcode of this link:");
    if (passcode === null) {
      throw new Refusal("This link needs a passcode. Ask the patient for it, and open the link again.");
    }
    const body = JSON.stringify({ recipient: "Viewer of " + document.body.dataset.place, passcode });
    const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body, cache: "no-store" });
    const manifest = await answer.json();
    if (answer.ok) {
      return manifest.files[0].embedded;
    }
    if (answer.status !== 401 || manifest.remainingAttempts === 0) {
      throw new Refusal(REFUSALS[answer.status === 401 ? 404 : answer.status] || "The server did not answer as expected.");
    }
    left = manifest.remainingAttempts;
  }
}

/** Opens a JWE in compact form: `dir`, A256GCM. */
async function opened(file, key) {
  if (!globalThis.crypto?.subtle) {
    throw new Refusal("This browser opens cards at https addresses only.");
  }
  const [header, , vector, text, tag] = file.trim().split(".");
  const sealed = new Uint8Array([...toBytes(text), ...toBytes(tag)]);
  const secret = await crypto.subtle.importKey("raw", toBytes(key), "AES-GCM", false, ["decrypt"]);
  const how = { name: "AES-GCM", iv: toBytes(vector), additionalData: new TextEncoder().encode(header) };
  return read(new Uint8Array(await crypto.subtle.decrypt(how, secret, sealed)));
}

/** Returns an element; children that are nothing are left out. */
function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const list = (value) => (Array.isArray(value) ? value : value ? [value] : []);

const words = (concept) =>
  concept?.text || list(concept?.coding).map((it) => it.display).find(Boolean) || list(concept?.coding)[0]?.code || "";

const has = (concept, code) => list(concept).some((it) => list(it.coding).some((coding) => coding.code === code));

function name(names) {
  const known = list(names);
  const used = known.find((it) => it.use === "usual") || known.find((it) => it.use === "official") || known[0];
  return used?.text || [...list(used?.given), used?.family].filter(Boolean).join(" ");
}

function age(birthDate, now = new Date()) {
  const [year, month = 1, day = 1] = birthDate.split("-").map(Number);
  const hadBirthday = now.getMonth() + 1 > month || (now.getMonth() + 1 === month && now.getDate() >= day);
  return now.getFullYear() - year - (hadBirthday ? 0 : 1);
}

const day = (text) => (text ? text.slice(0, 10) : "");

function section(title, items, kind = "") {
  if (!items.length) {
    return null;
  }
  return make("section", { className: kind }, make("h2", {}, title), make("ul", {}, items));
}

const item = (title, ...details) => {
  const told = details.filter(Boolean).join(" · ");
  return make("li", {}, make("strong", {}, title || "Without a name"), told ? make("small", {}, told) : null);
};

function who(patient) {
  const sex = { female: "female", male: "male", other: "other sex" }[patient.gender];
  const born = patient.birthDate ? `${age(patient.birthDate)} years · born ${patient.birthDate}` : "";
  const tongues = list(patient.communication).map((it) => words(it.language)).filter(Boolean);
  const photo = list(patient.photo)[0];
  const picture = photo?.data
    ? make("img", { src: `data:${photo.contentType || "image/jpeg"};base64,${photo.data}`, alt: "The patient" })
    : null;
  const about = make(
    "div",
    {},
    make("p", {}, [born, sex].filter(Boolean).join(" · ")),
    tongues.length ? make("p", {}, "Speaks " + tongues.join(", ")) : null,
    patient.identifier ? make("p", {}, "Health ID " + patient.identifier[0].value) : null,
    patient.deceasedBoolean || patient.deceasedDateTime ? make("p", {}, "Recorded as deceased") : null,
  );
  return make("div", { className: "person who" }, about, picture);
}

function allergies(all) {
  // SNOMED CT 716186003: there is none, and somebody has asked.
  const none = all.length > 0 && all.every((it) => has(it.code, "716186003"));
  if (!all.length || none) {
    const told = none ? "No known allergies" : "None recorded here. Ask, where you can.";
    return section("Allergies", [item(told)]);
  }
  const items = all.map((it) => {
    const signs = list(it.reaction).flatMap((reaction) => list(reaction.manifestation).map(words));
    return item(words(it.code), it.criticality === "high" ? "LIFE-THREATENING" : "", signs.join(", "));
  });
  return section("Allergies", items, "alert");
}

function blood(all) {
  const value = (it) => words(it.valueCodeableConcept) || it.valueString;
  if (!all.length) {
    return null;
  }
  const told = make("p", { className: "big" }, all.map(value).filter(Boolean).join(", "));
  const when = make("small", {}, [day(all[0].effectiveDateTime), "Test again before giving blood."].filter(Boolean).join(" · "));
  return make("section", {}, make("h2", {}, "Blood group"), told, when);
}

function dose(it) {
  return list(it.dosageInstruction || it.dosage).map((dosage) => dosage.text).filter(Boolean).join("; ");
}

function contact(it) {
  const calls = list(it.telecom)
    .filter((telecom) => telecom.value && (telecom.system === "phone" || telecom.system === "sms"))
    .map((telecom) => {
      const href = "tel:" + telecom.value.replace(/[^\d+*#]/g, "");
      return make("a", { href, className: "call" }, `Call ${telecom.value}`);
    });
  const kind = list(it.relationship).filter((concept) => !has(concept, EMERGENCY)).map(words).filter(Boolean);
  const title = name(it.name) || it.organization?.display || "Contact";
  return make("li", {}, make("strong", {}, title), kind.length ? make("small", {}, kind.join(", ")) : null, calls);
}

function show(bundle) {
  const all = list(bundle.entry).map((entry) => entry.resource);
  const of = (...types) => all.filter((it) => types.includes(it.resourceType));
  const [patient] = of("Patient");
  const directive = (it) => (has(it.category, "dnr") ? "DO NOT RESUSCITATE" : words(it.code) || list(it.category).map(words).join(", "));
  const contacts = [...of("RelatedPerson"), ...list(patient.contact)];
  document.getElementById("title").textContent = name(patient.name) || "Emergency card";
  document.title = "Emergency: " + document.getElementById("title").textContent;
  document.getElementById("record").replaceChildren(
    ...[
      who(patient),
      allergies(of("AllergyIntolerance")),
      section("Wishes of the patient", of("Consent", "Flag").map((it) => item(directive(it), day(it.dateTime || it.period?.start))), "wish"),
      blood(of("Observation")),
      section("Medication", of("MedicationRequest", "MedicationStatement").map((it) => item(words(it.medicationCodeableConcept), dose(it)))),
      section("Problems", of("Condition").map((it) => item(words(it.code), day(it.onsetDateTime)))),
      section("Implants", of("Device").map((it) =>
        item(list(it.deviceName)[0]?.name || words(it.type), it.manufacturer, it.modelNumber, list(it.safety).map(words).join(", ")))),
      section("In an emergency, call", contacts.map(contact)),
      make("p", {}, make("small", {}, `As recorded on ${new Date(bundle.timestamp).toLocaleString()}. Only a part of the record: there may be more.`)),
    ].filter(Boolean),
  );
}

async function start() {
  const state = document.getElementById("state");
  try {
    const link = payload();
    const file = await fetched(link);
    show(await opened(file, link.key));
    state.textContent = "";
  } catch (error) {
    const told = error instanceof Refusal ? error.message : "The card could not be opened: it is damaged, or there is no connection.";
    state.className = "alert";
    state.textContent = told;
    const help = make("p", {}, "Do not wait for it. Call the emergency number of your country (112 in Europe, 911 in North America).");
    const sign = make("p", {}, make("a", { href: "/login" }, "Sign in as a clinician"));
    document.getElementById("record").replaceChildren(help, sign);
  }
}

addEventListener("hashchange", start);
start();
