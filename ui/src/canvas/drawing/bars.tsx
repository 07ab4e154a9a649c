import { useReactFlow, useStore } from "@xyflow/react";
import {
  Group as GroupIcon,
  Hand,
  History,
  LayoutGrid,
  Map as MapIcon,
  Maximize,
  Minus,
  MousePointer2,
  Plus,
  StickyNote,
} from "lucide-react";
import { useState } from "react";
import { keyOf } from "@/lib/shortcuts";
import { t } from "@/lib/text";
import { IconButton, Popover } from "@/ui";
import type { Actions } from "../keys";
import { useFlow, useFlowControl, useHistory } from "../store";
import { FIT } from "./view";

const BAR = "pointer-events-auto flex items-center gap-0.5 rounded-lg border bg-surface p-0.5 shadow-card";

export type Tool = "select" | "pan";

type Props = {
  actions: Actions;
  draws: boolean;
  tool: Tool;
  onTool: (tool: Tool) => void;
  minimap: boolean;
  onMinimap: (on: boolean) => void;
};

/** Under the drawing: how it is looked at, and what can be put on it. */
export function Bars({ actions, draws, tool, onTool, minimap, onMinimap }: Props) {
  const { fitView, zoomIn, zoomOut, zoomTo } = useReactFlow();
  const several = useFlow((flow) => flow.selection.nodes.size > 1);
  const percent = useStore((state) => Math.round(state.transform[2] * 100));
  return (
    <div className="pointer-events-none absolute inset-x-3 bottom-3 z-10 flex flex-wrap items-end gap-2">
      <div role="toolbar" aria-label={t("View")} className={BAR}>
        <IconButton
          label={t("Zoom out")}
          shortcut={keyOf("zoomOut")}
          icon={Minus}
          size="sm"
          onClick={() => void zoomOut()}
        />
        <button
          type="button"
          aria-label={t("Zoom {percent} %; back to 100 %", { percent })}
          onClick={() => void zoomTo(1)}
          className="tabular h-7 w-12 rounded-md text-xs hover:bg-hover"
        >
          {percent} %
        </button>
        <IconButton
          label={t("Zoom in")}
          shortcut={keyOf("zoomIn")}
          icon={Plus}
          size="sm"
          onClick={() => void zoomIn()}
        />
        <IconButton
          label={t("Show everything")}
          shortcut={keyOf("fit")}
          icon={Maximize}
          size="sm"
          onClick={() => void fitView(FIT)}
        />
        {actions.tidy && (
          <IconButton
            label={several ? t("Tidy up the selection") : t("Tidy up")}
            shortcut={keyOf("tidy")}
            icon={LayoutGrid}
            size="sm"
            onClick={actions.tidy}
          />
        )}
        <IconButton
          label={t("Overview map, when not all is in view")}
          icon={MapIcon}
          size="sm"
          pressed={minimap}
          onClick={() => onMinimap(!minimap)}
          className="@max-2xl:hidden"
        />
      </div>
      {draws && actions.add && (
        <div role="toolbar" aria-label={t("Draw")} className={BAR}>
          <IconButton
            label={t("Select")}
            icon={MousePointer2}
            size="sm"
            pressed={tool === "select"}
            onClick={() => onTool("select")}
          />
          <IconButton
            label={t("Move the view")}
            icon={Hand}
            size="sm"
            pressed={tool === "pan"}
            onClick={() => onTool("pan")}
          />
          <span className="mx-0.5 h-5 w-px bg-line" />
          <IconButton
            label={t("Add a step")}
            shortcut={keyOf("add")}
            icon={Plus}
            size="sm"
            onClick={actions.add}
          />
          <IconButton
            label={t("Add a note")}
            shortcut={keyOf("note")}
            icon={StickyNote}
            size="sm"
            onClick={actions.note}
          />
          <IconButton
            label={t("Group the selection")}
            shortcut={keyOf("group")}
            icon={GroupIcon}
            size="sm"
            onClick={actions.group}
          />
          <Past />
        </div>
      )}
    </div>
  );
}

/** Everything that was done, newest first; a click goes back to before it. */
function Past() {
  const control = useFlowControl();
  const past = useHistory((history) => history.pastStates);
  const what = useFlow((flow) => flow.what);
  const [open, setOpen] = useState(false);
  const names = [...past.slice(1).map((entry) => entry.what ?? ""), what];
  const rows = past.length ? names.map((name, at) => ({ name, at })).reverse() : [];
  return (
    <Popover
      label={t("What was done")}
      open={open}
      onOpenChange={setOpen}
      align="center"
      trigger={<IconButton label={t("What was done")} icon={History} size="sm" />}
    >
      <h3 className="px-2 pb-1 font-medium text-muted text-xs">
        {t("A click takes it back, and all after it")}
      </h3>
      {rows.length === 0 && <p className="px-2 py-1 text-sm">{t("Nothing since it was opened.")}</p>}
      <ol className="max-h-72 w-64 overflow-y-auto">
        {rows.map(({ name, at }) => (
          <li key={at}>
            <button
              type="button"
              onClick={() => {
                control.back(at);
                setOpen(false);
              }}
              className="w-full truncate rounded-md px-2 py-1 text-left text-sm hover:bg-hover"
            >
              {name}
            </button>
          </li>
        ))}
      </ol>
    </Popover>
  );
}
