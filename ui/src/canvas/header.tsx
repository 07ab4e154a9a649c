import {
  AlignLeft,
  CircleAlert,
  CircleCheck,
  Play,
  Redo2,
  Save,
  TriangleAlert,
  Undo2,
  Upload,
} from "lucide-react";
import type { ReactNode } from "react";
import { useMay } from "@/api/queries";
import { keyOf } from "@/lib/shortcuts";
import { rich, t } from "@/lib/text";
import { clock } from "@/lib/time";
import { Badge, Button, Field, IconButton, Input, Popover, Textarea, Timestamp } from "@/ui";
import { Present } from "./later";
import { dirty, useFlow, useFlowControl, useHistory } from "./store";
import { useSurroundings } from "./surroundings";
import { useOthers } from "./together/news";

type Props = {
  /** When the newest revision was made. */
  savedAt: string;
  /** Whether it was made here, since the drawing was opened. */
  justSaved: boolean;
  problemsShown: boolean;
  onProblems: () => void;
  onSave: () => void;
  saving: boolean;
  onRun: () => void;
  /** How it stands to what is published. */
  published: ReactNode;
  /** What there is to publish; undefined: nothing. */
  onPublish: (() => void) | undefined;
};

/** The bar over the canvas: the name, and everything that concerns the whole drawing. */
export function Header(props: Props) {
  const { savedAt, justSaved, problemsShown, onProblems, onSave, saving, onRun } = props;
  const { published, onPublish } = props;
  const control = useFlowControl();
  const { id, editable, problems } = useSurroundings();
  const others = useOthers(id);
  const may = useMay("operator");
  const name = useFlow((flow) => flow.name);
  const revision = useFlow((flow) => flow.revision);
  const changed = useFlow(dirty);
  const what = useFlow((flow) => flow.what);
  const past = useHistory((history) => history.pastStates.length);
  const next = useHistory((history) => history.futureStates.at(-1)?.what);
  const errors = problems.filter((problem) => problem.severity === "error").length;
  const Verdict = errors ? CircleAlert : problems.length ? TriangleAlert : CircleCheck;
  const tone = errors ? "text-st-failed" : problems.length ? "text-st-warning" : "text-st-done";
  return (
    <header className="flex min-h-12 shrink-0 flex-wrap items-center gap-1 border-b bg-surface px-2 py-1.5">
      <h1 className="sr-only">{name}</h1>
      <Input
        aria-label={t("Name")}
        value={name}
        maxLength={200}
        disabled={!editable}
        title={editable ? t("Click to rename") : undefined}
        onChange={(event) => control.rename(event.target.value)}
        className="field-sizing-content w-auto min-w-24 max-w-80 border-transparent font-semibold max-sm:max-w-full"
      />
      <Description />
      <Badge>{t("Revision {revision}", { revision })}</Badge>
      {published}
      {changed ? (
        <Badge tone="warning">
          <span title={t("It is kept in this browser until you save it")}>{t("Not saved")}</span>
        </Badge>
      ) : (
        <span role="status" className="px-1 text-muted text-xs max-sm:hidden">
          {t("Saved")}{" "}
          {justSaved ? <time dateTime={savedAt}>{clock(savedAt)}</time> : <Timestamp at={savedAt} />}
        </span>
      )}
      <span className="flex-1" />
      {others.length > 0 && <Present others={others} />}
      <Button variant="ghost" onClick={onProblems} aria-pressed={problemsShown}>
        <Verdict aria-hidden className={tone} />
        {problems.length
          ? t("{problems, plural, one {# problem} other {# problems}}", { problems: problems.length })
          : t("No problems")}
      </Button>
      {editable && (
        <>
          <IconButton
            label={past ? t("Undo: {what}", { what }) : t("Undo")}
            shortcut={keyOf("undo")}
            icon={Undo2}
            disabled={past === 0}
            onClick={control.undo}
          />
          <IconButton
            label={next ? t("Redo: {next}", { next }) : t("Redo")}
            shortcut={keyOf("redo")}
            icon={Redo2}
            disabled={next === undefined}
            onClick={control.redo}
          />
          <Button icon={Save} onClick={onSave} pending={saving} disabled={!changed || name.trim() === ""}>
            {t("Save")}
          </Button>
        </>
      )}
      {onPublish && (
        <Button
          icon={Upload}
          onClick={onPublish}
          aria-label={changed ? t("Publish") : t("Publish revision {revision}", { revision })}
        >
          <span>
            {rich("Publish{value}", {
              value: (
                <span className="max-xl:hidden">{!changed && t(" revision {revision}", { revision })}</span>
              ),
            })}
          </span>
        </Button>
      )}
      {may && (
        <Button variant="primary" icon={Play} onClick={onRun}>
          {t("Run")}
        </Button>
      )}
    </header>
  );
}

/** What the orchestrator is for, in its owner's words. */
function Description() {
  const control = useFlowControl();
  const { editable } = useSurroundings();
  const text = useFlow((flow) => flow.description);
  if (!editable && !text) return null;
  return (
    <Popover
      label={t("Description")}
      trigger={
        <button
          type="button"
          aria-label={t("Description")}
          title={text || t("What it is for")}
          className="flex h-8 min-w-8 max-w-64 items-center gap-1.5 rounded-md px-2 text-muted text-xs hover:bg-hover"
        >
          <AlignLeft aria-hidden className="size-4 shrink-0" />
          {text && <span className="truncate max-lg:hidden">{text}</span>}
        </button>
      }
    >
      <Field
        label={t("Description")}
        hint={t("What it is for. It is saved with the drawing.")}
        className="w-80 max-w-full"
      >
        <Textarea
          value={text}
          rows={4}
          maxLength={10_000}
          disabled={!editable}
          onChange={(event) => control.describe(event.target.value)}
        />
      </Field>
    </Popover>
  );
}
