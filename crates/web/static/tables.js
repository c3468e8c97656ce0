// Sorts and searches the tables of a page: table[data-sortable] by a click on a column's name, rows by the field input[data-search="id of the table"].
// The choice is put back after the table was renewed.

const chosen = new Map();
const compare = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;

const key = (row, column) => {
  const cell = row.cells[column];
  return cell ? cell.dataset.key ?? cell.textContent.trim() : "";
};

const sort = (table) => {
  const { column, down } = chosen.get(table.id) ?? {};
  if (column === undefined) return;
  for (const [index, head] of Array.from(table.tHead.rows[0].cells).entries()) {
    if (index === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  const rows = Array.from(table.tBodies[0].rows).map((row) => [key(row, column), row]);
  // what is not known stands last, whichever way
  rows.sort(([a], [b]) => (a === "") - (b === "") || (down ? compare(b, a) : compare(a, b)));
  table.tBodies[0].append(...rows.map(([, row]) => row));
};

const search = (field) => {
  const table = document.getElementById(field.dataset.search);
  if (!table) return;
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    shown += !row.hidden;
  }
  const told = document.getElementById(`${field.dataset.search}-shown`);
  if (told) told.textContent = words.length ? `${shown} of ${table.tBodies[0].rows.length} shown` : "";
};

const prepare = (within) => {
  for (const table of within.querySelectorAll("table[data-sortable]")) {
    for (const [column, head] of Array.from(table.tHead.rows[0].cells).entries()) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => {
        const before = chosen.get(table.id);
        chosen.set(table.id, { column, down: before?.column === column && !before.down });
        sort(table);
      });
      head.append(button);
    }
    sort(table);
  }
  for (const field of document.querySelectorAll("input[data-search]")) search(field);
};

prepare(document);
document.addEventListener("swapped", (event) => prepare(event.detail));
document.addEventListener("input", (event) => {
  if (event.target.matches?.("input[data-search]")) search(event.target);
});
