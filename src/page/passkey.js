// Adding and using a passkey. A form with data-passkey stays hidden where the browser knows no passkeys.
"use strict";

const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const withBytes = (keys) => (keys || []).map((key) => ({ ...key, id: toBytes(key.id) }));

async function ask(path, form, body) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": form.elements.csrf.value };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), credentials: "same-origin" });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Error(told.error || "The server did not answer as expected. Try again.");
  }
  return told;
}

async function add(form) {
  const options = await ask("/account/passkeys/begin", form, { name: form.elements.name.value });
  const publicKey = options.publicKey;
  publicKey.challenge = toBytes(publicKey.challenge);
  publicKey.user.id = toBytes(publicKey.user.id);
  publicKey.excludeCredentials = withBytes(publicKey.excludeCredentials);
  const made = await navigator.credentials.create({ publicKey });
  const response = {
    attestationObject: toText(made.response.attestationObject),
    clientDataJSON: toText(made.response.clientDataJSON),
  };
  const credential = { id: made.id, rawId: toText(made.rawId), type: made.type, response };
  return ask("/account/passkeys/add", form, { state: options.state, credential });
}

async function use(form) {
  const step = form.elements.step.value;
  const options = await ask("/passkey/begin", form, { step });
  const publicKey = options.publicKey;
  publicKey.challenge = toBytes(publicKey.challenge);
  publicKey.allowCredentials = withBytes(publicKey.allowCredentials);
  const used = await navigator.credentials.get({ publicKey });
  const response = {
    authenticatorData: toText(used.response.authenticatorData),
    clientDataJSON: toText(used.response.clientDataJSON),
    signature: toText(used.response.signature),
    userHandle: used.response.userHandle && used.response.userHandle.byteLength ? toText(used.response.userHandle) : null,
  };
  const credential = { id: used.id, rawId: toText(used.rawId), type: used.type, response };
  return ask("/passkey/use", form, { step, state: options.state, credential, next: form.elements.next.value });
}

function words(error) {
  switch (error.name) {
    case "NotAllowedError":
      return "Nothing was done: it was cancelled, took too long, or this device has no passkey for this site.";
    case "InvalidStateError":
      return "This device has a passkey here already.";
    case "SecurityError":
      return "Passkeys do not work at this address. Open this site by its name, over https.";
    default:
      return error.message;
  }
}

for (const told of document.querySelectorAll("[data-no-passkey]")) {
  told.hidden = Boolean(window.PublicKeyCredential);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.hidden = !window.PublicKeyCredential;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [button, said] = [form.querySelector("button"), form.querySelector("[role=alert]")];
    button.disabled = true;
    said.hidden = true;
    try {
      const done = await (form.dataset.passkey === "add" ? add(form) : use(form));
      location.assign(done.next);
    } catch (error) {
      said.textContent = words(error);
      said.hidden = false;
      button.disabled = false;
    }
  });
}
