// A cell of the heat map opens its pair below the map without a jump; without this script the link's target does it.
document.documentElement.classList.add("js");
function show(link, scroll) {
  const pair = document.getElementById(link.hash.slice(1));
  const map = link.closest(".map");
  if (!pair) return;
  for (const other of map.querySelectorAll(".pair.open")) other.classList.remove("open");
  for (const other of map.querySelectorAll("a[aria-current]")) other.removeAttribute("aria-current");
  pair.classList.add("open");
  link.setAttribute("aria-current", "true");
  if (scroll) pair.scrollIntoView({ block: "nearest" });
}
const links = [...document.querySelectorAll(".heat a[href]")];
for (const link of links) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.replaceState(null, "", link.hash);
    show(link, true);
  });
}
for (const map of document.querySelectorAll(".map")) {
  const open = map.querySelector(".pair.open");
  const link = open && map.querySelector(`a[href="#${open.id}"]`);
  if (link) show(link, false);
}
const wanted = links.find((link) => link.hash === location.hash);
if (wanted) show(wanted, true);
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
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
});
