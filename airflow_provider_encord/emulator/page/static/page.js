// Draws what the local Encord tells, and asks again every two seconds. What has not changed is left alone, so that
// scroll position, focus and open details stay. All that comes from outside becomes text nodes.
"use strict";

const PERIOD = 2000;
const SOURCE = `/_emulator/page/view${location.pathname}${location.search}`;
const get = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Make the children of a node those of the entries, [key, value] each, and keep the nodes of keys that stay. */
function arrange(parent, entries, make, fill) {
  const before = parent.kept ?? new Map();
  const now = new Map(entries.map(([key]) => [key, before.get(key)]));
  for (const [key, node] of before) if (!now.has(key)) node.remove();
  let next = parent.firstChild;
  for (const [key, value] of entries) {
    const stamp = JSON.stringify(value);
    const node = now.get(key) ?? make(value);
    now.set(key, node);
    if (node.stamp !== stamp) fill(node, value);
    node.stamp = stamp;
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
  parent.kept = now;
}

const two = (number) => String(number).padStart(2, "0");

function moment(seconds) {
  const at = new Date(seconds * 1000);
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  const time = [two(at.getHours()), two(at.getMinutes()), two(at.getSeconds())].join(":");
  return element("time", { datetime: at.toISOString() }, `${day} ${time}`);
}

const placeholder = (text) => element("span", { class: "placeholder" }, text);

function picture({ src, alt }) {
  const made = element("img", { src, alt, title: alt, loading: "lazy", decoding: "async" });
  made.addEventListener("error", () => made.replaceWith(placeholder("no preview")), { once: true });
  return made;
}

function pictures({ pictures, more, missing }) {
  const made = element("div", { class: pictures.length > 1 || more ? "pictures many" : "pictures" });
  made.append(...pictures.map(picture));
  if (missing) made.append(placeholder(missing));
  if (more) made.append(element("span", { class: "more" }, `and ${more.toLocaleString("en")} more`));
  return made;
}

function metadata({ line, json }) {
  if (line.length <= 30) return document.createTextNode(line);
  return element("details", {}, element("summary", {}, line), element("pre", {}, json));
}

/** Return the node that shows a cell. */
function drawn(cell) {
  if (cell === null || cell === undefined) return element("span", { class: "nothing" }, "–");
  if (typeof cell === "string") return document.createTextNode(cell);
  if ("href" in cell) return element("a", { href: cell.href }, cell.text);
  if ("text" in cell) return element("span", { title: cell.hint }, cell.text);
  if ("moment" in cell) return moment(cell.moment);
  if ("state" in cell) return element("span", { class: "state", "data-state": cell.state }, cell.state.toLowerCase());
  if ("code" in cell) return element("code", {}, cell.code);
  if ("json" in cell) return metadata(cell);
  if ("lines" in cell) return element("div", { class: "lines" }, ...cell.lines.map((line) => element("div", {}, drawn(line))));
  return pictures(cell);
}

const fillCell = (node, [, cell]) => node.replaceChildren(drawn(cell));

function fillRow(node, [columns, row]) {
  const cells = row.cells.map((cell, index) => [index, [columns[index], cell]]);
  arrange(node, cells, ([column]) => element("td", { role: "cell", "data-column": column }), fillCell);
}

function pager({ id, page, pages }) {
  const to = (number, text) => {
    const query = new URLSearchParams(location.search);
    query.set(id, number);
    return element("a", { href: `?${query}#${id}` }, text);
  };
  return [
    page > 1 ? to(page - 1, "Previous") : "",
    element("span", {}, `Page ${page.toLocaleString("en")} of ${pages.toLocaleString("en")}`),
    page < pages ? to(page + 1, "Next") : "",
  ];
}

function makeSection({ id, title, columns }) {
  // Roles, since tables drawn as cards on small screens would lose theirs.
  const heads = columns.map((name) => element("th", { scope: "col", role: "columnheader", "data-column": name }, name));
  return element("section", { id, "aria-labelledby": `${id}-title` },
    element("h2", { id: `${id}-title` }, title, " ", element("span", { class: "count" })),
    element("p", { class: "empty" }),
    element("table", { role: "table", "aria-labelledby": `${id}-title` },
      element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads)),
      element("tbody", { role: "rowgroup" })),
    element("nav", { "aria-label": `Pages of ${title}` }));
}

/** Return rows with their keys; what is there twice gets different ones. */
function keyed(rows) {
  const seen = new Map();
  return rows.map((row) => {
    const before = seen.get(row.key) ?? 0;
    seen.set(row.key, before + 1);
    return [`${row.key} ${before}`, row];
  });
}

function fillSection(node, section) {
  const [count, empty, table, pages] = ["h2 span", ".empty", "table", "nav"].map((what) => node.querySelector(what));
  count.textContent = section.count === null ? "" : section.count.toLocaleString("en");
  empty.textContent = section.empty;
  empty.hidden = section.rows.length > 0;
  table.hidden = section.rows.length === 0;
  pages.hidden = section.pages === 1;
  const paging = { id: section.id, page: section.page, pages: section.pages };
  arrange(pages, section.pages === 1 ? [] : [["pager", paging]], () => element("p"), (pager_, value) =>
    pager_.replaceChildren(...pager(value)));
  arrange(table.tBodies[0], keyed(section.rows).map(([key, row]) => [key, [section.columns, row]]),
    () => element("tr", { role: "row" }), fillRow);
}

function draw(view) {
  document.title = `${view.name} – Local Encord`;
  get("kind").textContent = view.kind;
  get("name").textContent = view.name;
  arrange(get("facts"), view.facts.filter(([, cell]) => cell !== null).map(([name, cell]) => [name, [name, cell]]),
    ([name]) => element("div", {}, element("dt", {}, name), element("dd")),
    (node, [, cell]) => node.lastChild.replaceChildren(drawn(cell)));
  arrange(get("sections"), view.sections.map((section) => [section.id, section]), makeSection, fillSection);
}

function missing() {
  const kind = { datasets: "dataset", folders: "folder", items: "item", jobs: "job" }[location.pathname.split("/")[1]];
  document.title = "Not found – Local Encord";
  get("kind").textContent = "404";
  get("name").textContent = "Not found";
  get("message").replaceChildren(`There is no ${kind} with this name here. It was deleted, or it is in another Encord. `,
    element("a", { href: "/" }, "See what there is"), ".");
  get("message").hidden = false;
  get("facts").replaceChildren();
  get("sections").replaceChildren();
  live("");
}

function live(text, broken = false) {
  const shown = get("live");
  if (shown.textContent !== text) shown.textContent = text;
  shown.classList.toggle("broken", broken);
}

let shown = null;

async function refresh() {
  if (!document.hidden || shown === null) {
    try {
      const answer = await fetch(SOURCE, { cache: "no-store" });
      if (answer.status === 404) return missing();
      const text = await answer.text();
      if (!answer.ok) throw new Error(text);
      if (text !== shown) draw(JSON.parse(text));
      if (shown === null && location.hash) get(location.hash.slice(1))?.scrollIntoView();
      shown = text;
      live("Live");
    } catch (error) {
      live("No answer; trying again", true);
    }
  }
  setTimeout(refresh, PERIOD);
}

refresh();
