import { type ComponentType, lazy, Suspense } from "react";

const loads: (() => Promise<unknown>)[] = [];

/** A part of the canvas that opens at a wish: the first view does not carry it, and `fetchAll` has it there before the wish. */
function later<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  loads.push(load);
  const Part = lazy(async () => ({ default: await load() }));
  const Loading = Part as unknown as ComponentType<P>;
  return (props) => (
    <Suspense fallback={null}>
      <Loading {...props} />
    </Suspense>
  );
}

/** Fetch them all while nothing else is to be done. */
export function fetchAll(): void {
  const begin = () => {
    for (const load of loads) void load();
  };
  if ("requestIdleCallback" in window) window.requestIdleCallback(begin, { timeout: 2000 });
  else setTimeout(begin, 500);
}

export const NodePanel = later(() => import("./node-panel").then((found) => found.NodePanel));
export const RunDialog = later(() => import("./run-dialog").then((found) => found.RunDialog));
export const RemotePanel = later(() => import("./remote-panel").then((found) => found.RemotePanel));
export const VersionsSide = later(() => import("./versions/side").then((found) => found.VersionsSide));
export const Comparison = later(() => import("./versions/comparison").then((found) => found.Comparison));
export const PastRevision = later(() => import("./versions/past").then((found) => found.PastRevision));
export const Replay = later(() => import("./replay/replay").then((found) => found.Replay));
