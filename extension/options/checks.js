// The result of a test, step by step.

const STEPS = { gateway: "Gateway", version: "Version", "sign-in": "Sign-in", live: "Live updates" };

/** @param {import("../gateway/diagnosis.js").Check[]} checks */
export function showChecks(checks) {
  document.getElementById("checks").replaceChildren(...checks.map(row));
}

function row({ step, isGood, code, message }) {
  const item = document.getElementById("check").content.firstElementChild.cloneNode(true);
  Object.assign(item.dataset, { good: isGood, code });
  item.querySelector(".name").textContent = isGood ? STEPS[step] : `${STEPS[step]}: ${code}`;
  item.querySelector(".message").textContent = message;
  return item;
}
