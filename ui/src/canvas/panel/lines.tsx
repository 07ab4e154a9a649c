import { type RefObject, useEffect, useState } from "react";

type Line = { row: string; d: string; faint: boolean };

/**
 * Lines from the fields of the input's tree to the mappings that read them, where both are side by side. They say nothing that
 * the table does not: a line is a way to its mapping for the mouse.
 */
export function MappingLines({ within }: { within: RefObject<HTMLElement | null> }) {
  const [lines, setLines] = useState<readonly Line[]>([]);
  useEffect(() => {
    const root = within.current;
    if (!root) return;
    let frame = 0;
    const draw = () => {
      frame = 0;
      setLines((before) => {
        const next = measured(root);
        return JSON.stringify(next) === JSON.stringify(before) ? before : next;
      });
    };
    const soon = () => {
      frame ||= window.requestAnimationFrame(draw);
    };
    const sizes = new ResizeObserver(soon);
    sizes.observe(root);
    const changes = new MutationObserver((records) => {
      if (records.some(({ target }) => !(target instanceof Element && target.closest("[data-lines]"))))
        soon();
    });
    changes.observe(root, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ["data-source", "aria-expanded"],
    });
    root.addEventListener("scroll", soon, true);
    soon();
    return () => {
      window.cancelAnimationFrame(frame);
      sizes.disconnect();
      changes.disconnect();
      root.removeEventListener("scroll", soon, true);
    };
  }, [within]);
  if (lines.length === 0) return null;
  const show = (row: string) => {
    const field = within.current?.querySelector<HTMLElement>(`[data-mapping="${row}"] input`);
    field?.scrollIntoView({ block: "nearest" });
    field?.focus();
  };
  return (
    <svg aria-hidden data-lines className="pointer-events-none absolute inset-0 size-full border-none">
      {lines.map((line) => (
        // biome-ignore lint/a11y/noStaticElementInteractions: the mapping itself is reached by the keyboard
        <g
          key={line.row}
          fill="none"
          data-line={line.row}
          onClick={() => show(line.row)}
          className="group cursor-pointer [pointer-events:stroke]"
        >
          <path d={line.d} stroke="transparent" strokeWidth={14} />
          <path
            d={line.d}
            strokeWidth={1.5}
            className={`stroke-accent group-hover:stroke-[3px] ${line.faint ? "opacity-40" : "opacity-80"}`}
          />
        </g>
      ))}
    </svg>
  );
}

/** Both ends of every mapping that can be seen; from the nearest open row where the field itself is folded away. */
function measured(root: HTMLElement): Line[] {
  const base = root.getBoundingClientRect();
  const rows = new Map<string, HTMLElement>();
  for (const row of root.querySelectorAll<HTMLElement>("[data-path]")) rows.set(row.dataset.path ?? "", row);
  const found: Line[] = [];
  for (const target of root.querySelectorAll<HTMLElement>("[data-mapping]")) {
    const path = (target.dataset.source ?? "").trim();
    const start = nearest(path, rows);
    if (!start || !target.dataset.mapping) continue;
    const [from, to] = [start.row.getBoundingClientRect(), target.getBoundingClientRect()];
    const y1 = from.top + from.height / 2;
    const y2 = to.top + Math.min(24, to.height / 2);
    if (!inView(start.row, y1) || !inView(target, y2)) continue;
    const [x1, x2] = [from.right - base.left + 2, to.left - base.left];
    const bend = Math.max(16, (x2 - x1) / 2);
    found.push({
      row: target.dataset.mapping,
      faint: !start.exact,
      d: `M ${r(x1)} ${r(y1 - base.top)} C ${r(x1 + bend)} ${r(y1 - base.top)} ${r(x2 - bend)} ${r(y2 - base.top)} ${r(x2)} ${r(y2 - base.top)}`,
    });
  }
  return found;
}

function nearest(path: string, rows: ReadonlyMap<string, HTMLElement>) {
  for (
    let at = path.replaceAll("[*]", "[0]");
    at !== "";
    at = at.replace(/(\.[^.[\]]*|\[[^[\]]*\]|^[^.[\]]+)$/, "")
  ) {
    const row = rows.get(at);
    if (row) return { row, exact: at === path };
    if (!/[.[]/.test(at)) return null;
  }
  return null;
}

/** Not scrolled out of its pane. */
function inView(element: HTMLElement, y: number): boolean {
  const pane = element.closest<HTMLElement>(".overflow-y-auto")?.getBoundingClientRect();
  return !pane || (y >= pane.top && y <= pane.bottom);
}

function r(value: number): number {
  return Math.round(value * 10) / 10;
}
