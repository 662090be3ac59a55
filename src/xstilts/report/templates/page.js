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
    form.querySelector("output").textContent = asked.length ? `${names.size} ${names.size === 1 ? "language" : "languages"}` : "";
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
// Examples are listed by target, language, and whether a chain is right or two chains disagree. Right: the whole score.
for (const browser of document.querySelectorAll(".examples")) {
  const targets = JSON.parse(browser.querySelector("script").textContent);
  const form = browser.querySelector("form").elements;
  const page = 25;
  let most = page;
  const fill = (select, names, chosen) => {
    select.replaceChildren(...names.map(([value, text]) => new Option(text, value)));
    select.value = chosen;
  };
  const list = () => {
    const target = targets[form.target.value];
    const [first, second] = [form.first.value, form.second.value].map(Number);
    const tests = {
      all: () => true,
      wrong: (row) => row[4][first][1] < 1,
      right: (row) => row[4][first][1] === 1,
      apart: (row) => row[4][first][0] !== row[4][second][0] || row[4][first][1] !== row[4][second][1],
    };
    const rows = target.rows.filter((row) => (!form.language.value || row[0] === form.language.value) && tests[form.show.value](row));
    const table = document.createElement("table");
    table.className = "table wordy";
    const add = (parent, tag, text, name = "", column = "") => {
      const cell = parent.appendChild(document.createElement(tag));
      cell.append(Object.assign(document.createElement("bdi"), { textContent: text }));
      cell.className = name;
      if (column) cell.dataset.column = column;
      return cell;
    };
    const answers = first === second ? [first] : [first, second];
    const head = table.createTHead().insertRow();
    const texts = target.hidden ? ["id"] : ["text", "gold"];
    for (const name of ["language", ...texts, ...answers.map((at) => target.chains[at])]) add(head, "th", name);
    const body = table.createTBody();
    for (const row of rows.slice(0, most)) {
      const made = body.insertRow();
      add(made, "th", target.languages[row[0]]).scope = "row";
      add(made, "td", target.hidden ? row[1] : row[2], "long").title = row[1];
      if (!target.hidden) add(made, "td", row[3], "short", "gold");
      for (const at of answers) {
        const [answer, score] = row[4][at];
        const mark = score === null ? "" : score === 1 ? "\u2713" : score === 0 ? "\u2717" : (100 * score).toFixed(0);
        add(made, "td", `${mark} ${answer}`, score === 1 ? "short right" : "short wrong", target.chains[at]);
      }
    }
    browser.querySelector(".scroll").replaceChildren(table);
    browser.querySelector("button").hidden = rows.length <= most;
    browser.querySelector("output").textContent = `${rows.length} of ${target.rows.length}, seed ${target.seed}`;
  };
  const turn = () => {
    const target = targets[form.target.value];
    fill(form.language, [["", "all"], ...Object.entries(target.languages)], "");
    const chains = target.chains.map((name, at) => [at, name]);
    fill(form.first, chains, 0);
    fill(form.second, chains, Math.min(1, chains.length - 1));
  };
  fill(form.target, targets.map((target, at) => [at, target.title]), 0);
  turn();
  list();
  browser.addEventListener("input", (event) => {
    if (event.target === form.target) turn();
    most = page;
    list();
  });
  browser.querySelector("button").addEventListener("click", () => {
    most += page;
    list();
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
