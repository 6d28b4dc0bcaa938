"use strict";
// The main part comes anew whenever it changes; times are shown in the reader's own zone.
const main = document.getElementById("main");
const live = document.getElementById("live");
const two = (number) => String(number).padStart(2, "0");
function local(root) {
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time.title = time.dateTime;
    time.textContent =
      `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ` +
      `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  }
}
local(main);
const stream = new EventSource("changes");
stream.onopen = () => { live.textContent = "live"; live.className = ""; };
stream.onerror = () => { live.textContent = "the agent does not answer; what you see is old"; live.className = "off"; };
stream.onmessage = (event) => {
  const across = [...main.querySelectorAll(".wide")].map((box) => box.scrollLeft);
  main.innerHTML = event.data; // made by the agent, which has escaped every word
  main.querySelectorAll(".wide").forEach((box, place) => { box.scrollLeft = across[place] || 0; });
  local(main);
};
