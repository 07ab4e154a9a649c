import { type NodeProps, NodeResizer, type Node as RFNode } from "@xyflow/react";
import { memo } from "react";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { changed, GROUP, labelOf, type Step } from "../graph";
import { OnCard } from "../later";
import { useFlow, useFlowControl } from "../store";
import { NodeMark } from "../versions/mark";
import { NameField } from "./name-field";

export type GroupNode = RFNode<{ step: Step; editable: boolean; threads: number; others: string }, "frame">;

/** A frame with a title. What stands in it moves with it; it never runs. It is taken by its title or its edge. */
export const Group = memo(function Group({ id, selected, data }: NodeProps<GroupNode>) {
  const { step, editable, threads, others } = data;
  const control = useFlowControl();
  const naming = useFlow((flow) => flow.renaming === id) && editable;
  return (
    <div
      data-card
      className={cn(
        "relative h-full w-full rounded-xl border border-edge border-dashed bg-hover",
        selected && "border-accent-text border-solid ring-2 ring-accent-text",
      )}
    >
      <NodeResizer
        isVisible={selected && editable}
        minWidth={GROUP.minWidth}
        minHeight={GROUP.minHeight}
        onResizeStart={control.drag.start}
        onResizeEnd={() => control.drag.stop(t("Resize {step}", { step: labelOf(step) }))}
      />
      {/* biome-ignore lint/a11y/noStaticElementInteractions: F2 does the same by key */}
      <div
        data-grip
        onDoubleClick={() => editable && control.renaming(id)}
        className="flex h-10 cursor-grab items-center rounded-t-xl px-3 font-semibold text-sm"
      >
        {naming ? (
          <NameField
            label={t("Name of the group")}
            value={step.data.label ?? ""}
            onChange={(label) =>
              control.edit(
                t("Rename a group"),
                (flow) => changed(flow, new Set([id]), { label }),
                `${id} label`,
              )
            }
            onDone={() => control.renaming(null)}
          />
        ) : (
          <span className="truncate">{labelOf(step)}</span>
        )}
      </div>
      <NodeMark id={id} />
      {(threads > 0 || others) && <OnCard id={id} name={labelOf(step)} threads={threads} others={others} />}
    </div>
  );
});
