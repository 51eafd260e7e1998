"use strict";

// Asks the browser for a passkey, and sends what it answers.
const form = document.getElementById("passkey");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(form.dataset.options));
  try {
    const credential = await navigator.credentials.get({ publicKey: options });
    form.elements.passkey.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch (error) {
    form.querySelector("button").textContent = `Try again (${error.name})`;
  }
});
