import { later } from "@/ui";

/* The parts of the canvas that open at a wish. */

export const AddPanel = later(() => import("./add-panel").then((found) => found.AddPanel));
export const Outline = later(() => import("./outline").then((found) => found.Outline));
export const PickNode = later(() => import("./pick-node").then((found) => found.PickNode));
export const ShortcutsDialog = later(() => import("./shortcuts").then((found) => found.ShortcutsDialog));
export const ConflictDialog = later(() => import("./conflict").then((found) => found.ConflictDialog));
export const NodePanel = later(() => import("./node-panel").then((found) => found.NodePanel));
export const PublishDialog = later(() => import("./publish-dialog").then((found) => found.PublishDialog));
export const RunDialog = later(() => import("./run-dialog").then((found) => found.RunDialog));
export const RemotePanel = later(() => import("./remote-panel").then((found) => found.RemotePanel));
export const VersionsSide = later(() => import("./versions/side").then((found) => found.VersionsSide));
export const Live = later(() => import("./together/live").then((found) => found.Live));
export const Present = later(() => import("./together/present").then((found) => found.Present));
export const SavedLine = later(() => import("./together/saved-line").then((found) => found.SavedLine));
export const OnCard = later(() => import("./together/on-card").then((found) => found.OnCard));
export const Pins = later(() => import("./together/pins").then((found) => found.Pins));
export const CommentsPanel = later(() => import("./together/panel").then((found) => found.CommentsPanel));
export const Comparison = later(() => import("./versions/comparison").then((found) => found.Comparison));
export const PastRevision = later(() => import("./versions/past").then((found) => found.PastRevision));
export const OfferedRun = later(() => import("./replay/offered").then((found) => found.OfferedRun));
export const Replay = later(() => import("./replay/replay").then((found) => found.Replay));
export const LogTab = later(() => import("./drawer/log").then((found) => found.LogTab));
export const ProblemsTab = later(() => import("./drawer/problems").then((found) => found.ProblemsTab));
export const DataTab = later(() => import("./drawer/data").then((found) => found.DataTab));
export const CallbacksTab = later(() => import("@/callbacks").then((found) => found.CallbacksTab));
