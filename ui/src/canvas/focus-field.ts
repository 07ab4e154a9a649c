const FRAMES = 60;

/** Where a form has the field of a problem: "on.list[0]" is "/on/list/0". */
export function pointer(field: string): string {
  return `/${field.replaceAll(/\[(\d+)\]/g, ".$1").replaceAll(".", "/")}`;
}

/** Give the focus to the field of the open panel, or to the part of it that is drawn, as soon as it is. */
export function focusField(field: string): void {
  const parts = pointer(field).split("/");
  const paths = parts.map((_, index) => parts.slice(0, parts.length - index).join("/")).filter(Boolean);
  let left = FRAMES;
  const look = () => {
    for (const path of paths) {
      const place = document.querySelector(`aside [data-field="${CSS.escape(path)}"]`);
      const found = place?.querySelector<HTMLElement>(
        "input, textarea, select, [role=combobox], [contenteditable=true], button",
      );
      if (!found) continue;
      found.focus();
      found.scrollIntoView({ block: "center" });
      return;
    }
    if (left-- > 0) window.requestAnimationFrame(look);
  };
  window.requestAnimationFrame(look);
}
