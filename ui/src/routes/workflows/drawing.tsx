import { useId, useMemo } from "react";
import type { Preview } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { BOX, layered } from "./layout";

const LETTERS = 22;
const EDGE = 8;

/** The steps of a workflow on their platform, as a picture: from the top down, dashed where a wire is no main one. */
export function Drawing({ preview }: { preview: Preview }) {
  const arrow = useId();
  const { boxes, width, height } = useMemo(() => layered(preview), [preview]);
  const names = preview.nodes.map((node) => node.label).join(", ");
  const branches = (source: string) => preview.edges.filter((edge) => edge.source === source).length > 1;
  return (
    <section
      aria-label={t("Steps")}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      className="max-h-96 overflow-auto rounded-md border bg-sunken p-2"
    >
      <svg
        role="img"
        aria-label={`${t("{nodes, plural, one {# step} other {# steps}}", { nodes: preview.nodes.length })}: ${names}`}
        width={width + 2 * EDGE}
        height={height + 2 * EDGE}
        viewBox={`${-EDGE} ${-EDGE} ${width + 2 * EDGE} ${height + 2 * EDGE}`}
        className="mx-auto block"
      >
        <defs>
          <marker
            id={arrow}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="6"
            markerHeight="6"
            orient="auto-start-reverse"
          >
            <path d="M0 0 8 4 0 8z" className="fill-edge" />
          </marker>
        </defs>
        {preview.edges.map((edge) => {
          const from = boxes.get(edge.source);
          const to = boxes.get(edge.target);
          if (!from || !to) return null;
          const [x1, y1] = [from.x + BOX.width / 2, from.y + BOX.height];
          const [x2, y2] = [to.x + BOX.width / 2, to.y - 1];
          const bend = Math.max(BOX.gapY / 2, Math.abs(y2 - y1) / 2);
          return (
            <g key={`${edge.source} ${edge.target} ${edge.kind} ${edge.label}`}>
              <path
                d={`M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`}
                markerEnd={`url(#${arrow})`}
                strokeDasharray={edge.kind === "main" ? undefined : "4 3"}
                className={cn("fill-none", edge.kind === "error" ? "stroke-st-failed" : "stroke-edge")}
              />
              {edge.label && (
                <text
                  // Beside the end that the wire has for itself, where no other label is.
                  x={branches(edge.source) ? x2 : x1}
                  y={branches(edge.source) ? y2 - BOX.gapY / 3 : y1 + BOX.gapY / 2}
                  textAnchor="middle"
                  strokeWidth="3"
                  className="fill-muted stroke-sunken text-[10px] [paint-order:stroke]"
                >
                  {cut(edge.label)}
                </text>
              )}
            </g>
          );
        })}
        {preview.nodes.map((node) => {
          const box = boxes.get(node.id);
          if (!box) return null;
          return (
            <g key={node.id} transform={`translate(${box.x} ${box.y})`}>
              <title>{`${node.label} · ${node.type}${node.disabled ? t(" · switched off") : ""}`}</title>
              <rect
                width={BOX.width}
                height={BOX.height}
                rx="6"
                strokeDasharray={node.disabled ? "4 3" : undefined}
                className="fill-surface stroke-line"
              />
              <text
                x="10"
                y="17"
                className={cn("font-medium text-xs", node.disabled ? "fill-muted" : "fill-ink")}
              >
                {cut(node.label)}
              </text>
              <text x="10" y="31" className="fill-muted text-[10px]">
                {cut(node.app ?? node.type, LETTERS + 6)}
              </text>
            </g>
          );
        })}
      </svg>
    </section>
  );
}

function cut(text: string, length = LETTERS): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
