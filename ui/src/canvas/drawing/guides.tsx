import { ViewportPortal } from "@xyflow/react";
import type { Guide } from "../graph";

/** The lines along which a moved node is in line with others. */
export function Guides({ guides }: { guides: readonly Guide[] }) {
  return (
    <ViewportPortal>
      {guides.map(({ axis, at, from, to }) => (
        <div
          key={axis}
          data-guide={axis}
          className="pointer-events-none absolute z-50 bg-accent-text"
          style={
            axis === "x"
              ? { left: at, top: from, width: 1, height: to - from }
              : { left: from, top: at, width: to - from, height: 1 }
          }
        />
      ))}
    </ViewportPortal>
  );
}
