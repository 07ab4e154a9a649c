import { MiniMap, type ReactFlowState, useStore } from "@xyflow/react";
import { t } from "@/lib/text";

/** The whole drawing, small, in a corner. Gone while all of it is in view: then it would only cover something. */
export function Overview() {
  const all = useStore(allInView);
  if (all) return null;
  return (
    <MiniMap
      pannable
      zoomable
      ariaLabel={t("Overview")}
      className="@max-2xl:hidden"
      nodeClassName={(node) => `mini-${node.type}`}
    />
  );
}

function allInView({ width, height, transform: [x, y, zoom], nodeLookup }: ReactFlowState): boolean {
  for (const { internals, measured } of nodeLookup.values()) {
    const left = internals.positionAbsolute.x * zoom + x;
    const top = internals.positionAbsolute.y * zoom + y;
    const right = left + (measured.width ?? 0) * zoom;
    const bottom = top + (measured.height ?? 0) * zoom;
    if (left < 0 || top < 0 || right > width || bottom > height) return false;
  }
  return true;
}
