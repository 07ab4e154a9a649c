import { BookmarkPlus, TriangleAlert, X } from "lucide-react";
import { type FormEvent, useRef, useState } from "react";
import { useMay } from "@/api/queries";
import type { Graph, JsonObject } from "@/api/types";
import { glimpse, type Schema, validate } from "@/forms";
import { t } from "@/lib/text";
import { Button, Field, IconButton, Input, Popover } from "@/ui";
import { useFlow } from "./store";
import { useKeep } from "./use-keep";

type Example = NonNullable<Graph["examples"]>[number];
const NONE: readonly Example[] = [];
const MOST = 50;

type Props = {
  id: string;
  /** What is given now: it can be kept. */
  inputs: JsonObject | null;
  schema: Schema | null;
  save: () => Promise<boolean>;
  onUse: (inputs: JsonObject) => void;
};

/** Inputs that were kept under a name. They are part of the definition: everybody has them, and they go with its versions. */
export function Examples({ id, inputs, schema, save, onUse }: Props) {
  const examples = useFlow((flow) => (flow.base.examples ?? NONE) as readonly Example[]);
  const editable = useMay("editor");
  const { keep, pending } = useKeep(id, save);
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const chosen = name.trim();
  const known = examples.some((each) => each.name === chosen);
  const full = !known && examples.length >= MOST;
  if (!editable && examples.length === 0) return null;

  const put = (next: Example[], failed: string) =>
    keep(({ examples: _, ...definition }) => {
      return next.length ? { ...definition, examples: next } : definition;
    }, failed);
  const add = async (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    if (!chosen || inputs === null || full) return;
    const made = { name: chosen, inputs };
    const next = known ? examples.map((each) => (each.name === chosen ? made : each)) : [...examples, made];
    if (await put(next, t("The example was not saved"))) setName("");
  };
  const remove = async (gone: Example) => {
    if (pending) return;
    // The button goes with its row; without the focus the panel would close.
    field.current?.focus();
    await put(
      examples.filter((each) => each !== gone),
      t("The example was not removed"),
    );
  };
  return (
    <Popover
      label={t("Examples")}
      open={open}
      onOpenChange={setOpen}
      trigger={
        <Button size="sm">
          {t("Examples")}
          {examples.length > 0 && <span className="text-muted">{examples.length}</span>}
        </Button>
      }
    >
      <div className="flex w-80 max-w-full flex-col gap-3 text-sm">
        {examples.length > 0 ? (
          <ul aria-label={t("Saved examples")} className="flex max-h-64 flex-col overflow-y-auto">
            {examples.map((each) => (
              <li key={each.name} className="flex items-center gap-1 rounded-md hover:bg-hover">
                <button
                  type="button"
                  onClick={() => {
                    onUse((each.inputs ?? {}) as JsonObject);
                    setOpen(false);
                  }}
                  className="min-w-0 flex-1 rounded-md px-2 py-1 text-left"
                >
                  <span className="flex items-center gap-1.5 font-medium">
                    <span className="truncate">{each.name}</span>
                    {schema && Object.keys(validate(schema, each.inputs ?? {})).length > 0 && (
                      <TriangleAlert
                        role="img"
                        aria-label={t("Does not fit the fields of the input")}
                        className="size-3.5 shrink-0 text-st-warning"
                      />
                    )}
                  </span>
                  <span className="block truncate text-muted text-xs">{worded(each)}</span>
                </button>
                {editable && (
                  <IconButton
                    size="sm"
                    icon={X}
                    label={t("Remove the example {name}", { name: each.name })}
                    className="text-muted"
                    onClick={() => void remove(each)}
                  />
                )}
              </li>
            ))}
          </ul>
        ) : (
          <p className="text-muted">{t("No example yet. Keep inputs here that you want to use again.")}</p>
        )}
        {editable && (
          <form onSubmit={(event) => void add(event)} className="flex flex-col gap-2 border-t pt-3">
            <Field
              label={t("Keep these inputs as")}
              hint={known ? t("Replaces the one of this name.") : t("Everybody who may run this has it.")}
              error={full ? t("There are {most} already: remove one first.", { most: MOST }) : undefined}
            >
              <Input
                ref={field}
                value={name}
                maxLength={100}
                onChange={(event) => setName(event.target.value)}
              />
            </Field>
            <Button
              type="submit"
              size="sm"
              icon={BookmarkPlus}
              className="self-end"
              pending={pending}
              disabled={!chosen || inputs === null || full}
            >
              {known ? t("Replace example") : t("Save example")}
            </Button>
          </form>
        )}
      </div>
    </Popover>
  );
}

function worded({ inputs }: Example): string {
  const parts = Object.entries(inputs ?? {}).map(([name, each]) => `${name}: ${glimpse(each)}`);
  return parts.slice(0, 4).join(", ") || t("no inputs");
}
