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
