import { ChevronRight, Maximize2, Minimize2, Trash2 } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { FormSurroundingsProvider } from "@/forms";
import { cn } from "@/lib/cn";
import { usePersistent } from "@/lib/persist";
import { keyOf } from "@/lib/shortcuts";
import { t } from "@/lib/text";
import { IconButton, Panel } from "@/ui";
import { decoration, labelOf, type Step } from "./graph";
import { ImportedNotice } from "./imported";
import { InputPane } from "./panel/input-pane";
import { MappingLines } from "./panel/lines";
import { OutputPane } from "./panel/output-pane";
import { SettingsPane } from "./panel/settings";
import { useSample } from "./panel/use-sample";
import { useSurroundings } from "./surroundings";
import { PinButton, TestFooter, useTestOnShow } from "./testing";
import { useNarrow } from "./use-narrow";

type Props = {
  step: Step;
  /** Another number each time it is opened by key: then it takes the focus. Else 0. */
  entered: number;
  onClose: () => void;
  onDelete: () => void;
};

const WIDE = 720;

/** Everything about one step: what it is given, its settings, what came of it. Side by side where there is room. */
export function NodePanel({ step, entered, onClose, onDelete }: Props) {
  const { editable } = useSurroundings();
  const { query, surroundings, from, setFrom } = useSample(step);
  const [full, setFull] = useState(false);
  const narrow = useNarrow();
  const body = useRef<HTMLDivElement>(null);
  const wide = useWide(body);
  const runs = !decoration(step);
  const tested = useTestOnShow();
  return (
    <Panel
      id="canvas-node"
      title={labelOf(step)}
      side="right"
      width={380}
      min={340}
      full={full || narrow}
      focused={entered}
      onClose={onClose}
      actions={
        <>
          {!narrow && (
            <IconButton
              label={full ? t("Beside the drawing") : t("Full width")}
              icon={full ? Minimize2 : Maximize2}
              pressed={full}
              size="sm"
              onClick={() => setFull(!full)}
            />
          )}
          {editable && (
            <IconButton
              label={t("Delete node")}
              shortcut={keyOf("remove")}
              icon={Trash2}
              size="sm"
              onClick={onDelete}
            />
          )}
        </>
      }
    >
      <FormSurroundingsProvider value={surroundings}>
        <div className="flex h-full flex-col">
          <div
            ref={body}
            className={cn(
              "relative min-h-0 flex-1",
              wide ? "grid grid-cols-[1fr_1.3fr_1fr] divide-x" : "flex flex-col overflow-y-auto",
            )}
          >
            {runs && (
              <Pane name={t("Input")} wide={wide} open>
                <InputPane
                  step={step}
                  query={query}
                  surroundings={surroundings}
                  from={from}
                  onFrom={setFrom}
                />
              </Pane>
            )}
            <section
              aria-label={t("Settings")}
              className={cn("min-h-0 overflow-y-auto px-4 pb-4", wide ? "pt-1" : "min-h-48 flex-1")}
            >
              <ImportedNotice step={step} />
              <SettingsPane step={step} />
            </section>
            {runs && (
              <Pane name={t("Output")} wide={wide} reveal={tested} aside={<PinButton nodeId={step.id} />}>
                <OutputPane step={step} query={query} />
              </Pane>
            )}
            {wide && <MappingLines within={body} />}
          </div>
          <TestFooter nodeId={step.id} />
        </div>
      </FormSurroundingsProvider>
    </Panel>
  );
}

type PaneProps = {
  name: string;
  wide: boolean;
  open?: boolean;
  /** Folds out when this becomes another one: there is something new to see. */
  reveal?: string | null;
  aside?: ReactNode;
  children: ReactNode;
};

/** A column where there is room; else a part that folds, so that the settings keep their place. */
function Pane({ name, wide, open: atFirst = false, reveal = null, aside, children }: PaneProps) {
  const [open, setOpen] = usePersistent(`pane:${name}`, atFirst);
  useEffect(() => {
    if (reveal !== null) setOpen(true);
  }, [reveal, setOpen]);
  if (wide) {
    return (
      <section aria-label={name} className="flex min-h-0 flex-col">
        <div className="flex h-10 shrink-0 items-center justify-between gap-2 border-b px-4">
          <h3 className="font-medium text-sm">{name}</h3>
          {aside}
        </div>
        <div className="min-h-0 flex-1 overflow-y-auto p-4">{children}</div>
      </section>
    );
  }
  return (
    <section
      aria-label={name}
      className={cn(
        "flex shrink-0 flex-col",
        name === "Input" ? "border-b" : "border-t",
        open && "max-h-[32%]",
      )}
    >
      <div className="flex h-9 shrink-0 items-center justify-between gap-2 pr-3 pl-2">
        <h3>
          <button
            type="button"
            aria-expanded={open}
            onClick={() => setOpen(!open)}
            className="flex h-8 items-center gap-1 rounded-md px-2 font-medium text-sm hover:bg-hover"
          >
            <ChevronRight
              aria-hidden
              className={cn("size-4 text-muted transition-transform", open && "rotate-90")}
            />
            {name}
          </button>
        </h3>
        {aside}
      </div>
      {open && <div className="min-h-0 flex-1 overflow-y-auto px-4 pb-3">{children}</div>}
    </section>
  );
}

function useWide(element: React.RefObject<HTMLElement | null>): boolean {
  const [wide, setWide] = useState(false);
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWide(entry.contentRect.width >= WIDE));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [element]);
  return wide;
}
