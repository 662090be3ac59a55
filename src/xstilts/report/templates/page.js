// A cell of the heat map opens its pair below the maps; without this script the link's target does it.
document.documentElement.classList.add("js");
const links = [...document.querySelectorAll(".heat a[href]")];
function open(link) {
  for (const other of document.querySelectorAll(".pair.open")) other.classList.remove("open");
  for (const other of links) other.toggleAttribute("aria-current", other === link);
  const pair = document.getElementById(link.hash.slice(1));
  pair.classList.add("open");
  pair.scrollIntoView({ block: "nearest" });
}
for (const link of links) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.replaceState(null, "", link.hash);
    open(link);
  });
}
const wanted = links.find((link) => link.hash === location.hash);
if (wanted) open(wanted);
// Languages are filtered by their groups; the last row is then the plain mean of those that are shown.
for (const figure of document.querySelectorAll(".by-language")) {
  const form = figure.querySelector("form");
  if (!form) continue;
  const feet = [...figure.querySelectorAll("tfoot")].map((foot) => [foot, foot.innerHTML]);
  form.addEventListener("input", () => {
    const asked = [...form.elements].filter((one) => one.value && one.name);
    const names = new Set();
    for (const row of figure.querySelectorAll("tbody tr")) {
      row.hidden = asked.some((one) => row.getAttribute(`data-${one.name}`) !== one.value);
      if (!row.hidden) names.add(row.cells[0].textContent);
    }
    form.querySelector("output").textContent = asked.length ? `${names.size} of the languages` : "";
    for (const [foot, all] of feet) {
      foot.innerHTML = all;
      if (!asked.length) continue;
      const rows = [...foot.parentElement.tBodies[0].rows].filter((row) => !row.hidden);
      foot.rows[0].cells[0].textContent = `mean of these ${rows.length}`;
      for (const cell of [...foot.rows[0].cells].slice(1)) {
        const values = rows.map((row) => row.cells[cell.cellIndex].dataset.v).filter(Boolean).map(Number);
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        const text = Math.abs(mean).toFixed(1);
        cell.replaceWith(Object.assign(document.createElement("td"), {
          textContent: values.length ? `${text === "0.0" ? "" : mean < 0 ? "\u2212" : "+"}${text}` : "\u2013",
        }));
      }
    }
  });
}
// A number says where it comes from: its id, how it was made, and the keys of its score artefacts.
const origins = JSON.parse(document.querySelector(".origins").textContent || "{}");
const origin = document.querySelector("aside.origin");
function line(parent, tag, text) {
  const made = parent.appendChild(document.createElement(tag));
  made.textContent = text;
}
document.addEventListener("click", (event) => {
  const number = event.target.closest("[data-n]");
  const found = number && origins[number.dataset.n];
  origin.replaceChildren();
  origin.hidden = !found;
  if (!found) return;
  line(origin, "b", number.dataset.n);
  line(origin, "p", found[0]);
  line(origin, "p", `Score artefacts: ${found[1].slice(0, 8).join(", ")}${found[1].length > 8 ? ` and ${found[1].length - 8} more` : ""}`);
  line(origin, "code", `xstilts explain ${document.body.dataset.study} "${number.dataset.n}"`);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") origin.hidden = true;
});
