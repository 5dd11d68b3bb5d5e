// Makes elements: texts only ever become text, never markup.

type Attributes = Readonly<Record<string, string | boolean>>;

/** An element with attributes (true = present) and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Text for screen readers only. */
export function heard(text: string): HTMLElement {
  return make("span", { class: "heard" }, text);
}

const SHAPES = {
  send: ["M4 12 20 4l-5 16-3.5-6.5Z", "M11.5 13.5 20 4"],
  file: ["M8 12.5 14.6 6a3.3 3.3 0 0 1 4.7 4.7l-8.2 8.1a5.5 5.5 0 0 1-7.8-7.8L11 3.4"],
  close: ["M6 6l12 12", "M18 6 6 18"],
  down: ["M6 9l6 6 6-6"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  checks: ["M1.5 13 6 17.5l8.5-9.5", "M10.5 15.5l2 2L21.5 8"],
  clock: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Z", "M12 8v4.5l3 1.5"],
  alert: ["M12 8v5", "M12 16.2v.3", "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Z"],
  chat: ["M4 5.5h16v11H11l-4.5 3.5v-3.5H4Z"],
} as const;

export type IconName = keyof typeof SHAPES;

/** A drawn sign; what it means is always said beside it. */
export function icon(name: IconName): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  for (const [key, value] of [["viewBox", "0 0 24 24"], ["class", "icon"], ["aria-hidden", "true"]] as const) {
    picture.setAttribute(key, value);
  }
  for (const line of SHAPES[name]) {
    const path = document.createElementNS(space, "path");
    path.setAttribute("d", line);
    picture.append(path);
  }
  return picture;
}

/** A button that shows only an icon; its name is its tooltip and what readers say. */
export function iconButton(name: IconName, label: string, attributes: Attributes = {}): HTMLButtonElement {
  return make("button", { type: "button", class: "icon-button", "aria-label": label, title: label, ...attributes }, icon(name));
}
