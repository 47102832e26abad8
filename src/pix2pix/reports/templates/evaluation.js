const cards = document.getElementById("cards");
const order = document.getElementById("order");
const best = document.getElementById("best");

// The worst first, as one learns most from them.
function sort() {
  const name = order.value;
  const higher = order.selectedOptions[0]?.dataset.higher === "1";
  const sign = higher === best.checked ? -1 : 1;
  const score = (card) => {
    const scores = JSON.parse(card.dataset.scores);
    return name in scores ? scores[name] ?? Infinity : sign * Infinity;  // without a score: last
  };
  cards.append(...[...cards.children].sort((a, b) => sign * (score(a) - score(b))));
}
order.addEventListener("change", sort);
best.addEventListener("change", sort);
sort();

for (const slide of document.querySelectorAll(".slide")) {
  const input = slide.querySelector("input");
  const over = slide.querySelector(".over");
  const show = () => { over.style.clipPath = `inset(0 ${100 - input.value}% 0 0)`; };
  input.addEventListener("input", show);
  show();
}
