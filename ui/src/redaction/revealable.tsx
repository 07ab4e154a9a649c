import { type ReactNode, useState } from "react";
import type { RevealRequest } from "@/api/types";
import { later, Revealing } from "@/ui";

const RevealDialog = later(() => import("./dialog").then((found) => found.RevealDialog));

/** Where a payload stands in a run. `base`: its place inside that part; with `whole` it is revealed as a whole. */
export type Place = Pick<RevealRequest, "part" | "nodeId" | "number"> & {
  runId: string;
  base?: string;
  whole?: boolean;
};

/** Masked values inside can be revealed by who may, for a reason that is kept. */
export function Revealable({ place, children }: { place: Place; children: ReactNode }) {
  const [path, setPath] = useState<string | null>(null);
  const { base = "", whole = false } = place;
  return (
    <Revealing value={(asked) => setPath(whole ? base : under(base, asked))}>
      {children}
      {path !== null && <RevealDialog place={place} path={path} onClose={() => setPath(null)} />}
    </Revealing>
  );
}

/** A path inside what stands at `base`. */
export function under(base: string, path: string): string {
  if (!base || !path) return base || path;
  return path.startsWith("[") ? `${base}${path}` : `${base}.${path}`;
}
