import { type UseQueryResult, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type FormEvent, useDeferredValue, useState } from "react";
import { problemOf } from "@/api/problem";
import { orchestratorsQuery, rulePreviewQuery, useAddRule } from "@/api/queries";
import type { NewRule, RulePreview } from "@/api/types";
import { t } from "@/lib/text";
import {
  Button,
  Checkbox,
  Combobox,
  Dialog,
  Field,
  Input,
  JsonView,
  Segmented,
  Select,
  Skeleton,
} from "@/ui";

type Kind = NewRule["kind"];

const PRESETS = [
  { value: "email", label: t("E-mail addresses") },
  { value: "card", label: t("Card numbers") },
  { value: "iban", label: t("IBANs") },
  { value: "bearer", label: t("Bearer tokens") },
  { value: "phone", label: t("Phone numbers") },
];
const KINDS: { value: Kind; label: string }[] = [
  { value: "preset", label: t("Preset") },
  { value: "path", label: t("Path") },
  { value: "pattern", label: t("Pattern") },
];
const HINTS: Record<Exclude<Kind, "preset">, string> = {
  path: "From the root of each payload, as in customer.cards[*].number",
  pattern: t("RE2, without look-around, as in \\bKD-[0-9]'{'6'}'\\b"),
};

/** A rule being written, with what it does to the newest run beside it. */
export function NewRuleDialog({ onClose }: { onClose: () => void }) {
  const add = useAddRule();
  const [kind, setKind] = useState<Kind>("preset");
  const [preset, setPreset] = useState("email");
  const [text, setText] = useState("");
  const [named, setNamed] = useState("");
  const [unstored, setUnstored] = useState(false);
  const [only, setOnly] = useState<string | null>(null);
  const [search, setSearch] = useState("");
  const known = useInfiniteQuery(orchestratorsQuery(search));
  const orchestrators = known.data?.pages.flatMap((page) => page.items) ?? [];
  const value = kind === "preset" ? preset : text;
  const usual =
    kind === "preset" ? preset : kind === "path" ? text.replaceAll(/[▒:$]/g, "").slice(0, 60) : "pattern";
  const rule: NewRule = { name: named.trim() || usual, kind, value, store: !unstored, orchestratorId: only };
  const ready = value.trim() !== "";
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready && !add.isPending) add.mutate(rule, { onSuccess: onClose });
  };
  const problem = add.error ? problemOf(add.error) : null;
  return (
    <Dialog
      open
      onOpenChange={onClose}
      size="xl"
      title={t("New rule")}
      description={t("It holds at once, for what is stored already too.")}
      footer={
        <>
          <Button onClick={onClose}>{t("Cancel")}</Button>
          <Button variant="primary" type="submit" form="new-rule" pending={add.isPending} disabled={!ready}>
            {t("Mask from now on")}
          </Button>
        </>
      }
    >
      <div className="grid gap-5 md:grid-cols-2">
        <form id="new-rule" onSubmit={submit} className="flex flex-col gap-4">
          <Segmented label={t("Kind of rule")} value={kind} onChange={setKind} options={KINDS} />
          {kind === "preset" ? (
            <Field label={t("What it finds")}>
              <Select label={t("What it finds")} value={preset} onChange={setPreset} options={PRESETS} />
            </Field>
          ) : (
            <Field
              label={kind === "path" ? t("Path") : t("Pattern")}
              hint={HINTS[kind]}
              error={problem?.hint ? `${problem.detail} ${problem.hint}` : problem?.detail}
            >
              <Input
                value={text}
                onChange={(event) => setText(event.target.value)}
                maxLength={kind === "path" ? 2000 : 500}
                autoComplete="off"
                spellCheck={false}
                className="font-mono"
              />
            </Field>
          )}
          <Field label={t("Name")} hint={t("The mask says it in the place of the value.")}>
            <Input
              value={named}
              placeholder={usual}
              onChange={(event) => setNamed(event.target.value.replaceAll(/[▒:$]/g, ""))}
              maxLength={60}
              autoComplete="off"
            />
          </Field>
          <Field label={t("Where")} hint={t("Left open, it holds for the whole workspace.")}>
            <Combobox
              value={only}
              onChange={setOnly}
              onSearch={setSearch}
              options={orchestrators.map(({ id, name }) => ({ value: id, label: name }))}
              placeholder={t("Everywhere")}
              loading={known.isPending}
              clearable
            />
          </Field>
          <Checkbox
            label={t("Do not store it in requests, answers and log lines. It cannot be revealed there.")}
            checked={unstored}
            onCheckedChange={(next) => setUnstored(next === true)}
          />
          {problem && kind === "preset" && (
            <p role="alert" className="text-sm text-st-failed">
              {problem.detail}
            </p>
          )}
        </form>
        <Preview rule={rule} ready={ready} />
      </div>
    </Dialog>
  );
}

function Preview({ rule, ready }: { rule: NewRule; ready: boolean }) {
  const settled = useDeferredValue(rule);
  const query = useQuery({ ...rulePreviewQuery(settled), enabled: ready });
  return (
    <section aria-label={t("Preview")} className="flex min-w-0 flex-col gap-2 rounded-md bg-sunken p-3">
      <Found rule={rule} ready={ready} query={query} />
    </section>
  );
}

type FoundProps = {
  rule: NewRule;
  ready: boolean;
  query: UseQueryResult<RulePreview>;
};

function Found({ rule, ready, query }: FoundProps) {
  if (!ready)
    return (
      <p className="text-muted text-sm">
        {t("Write the {kind}: what it masks is shown here.", { kind: rule.kind })}
      </p>
    );
  if (query.error) {
    const problem = problemOf(query.error);
    return (
      <p role="alert" className="text-sm text-st-failed">
        {problem.detail} {problem.hint}
      </p>
    );
  }
  if (!query.data) return <Skeleton className="w-2/3" />;
  const { masks, number, parts } = query.data;
  return (
    <>
      <p role="status" className="text-sm">
        {masks
          ? t("Masks {masks, plural, one {# place} other {# places}} in run #{number}, the newest", {
              masks,
              number,
            })
          : t("Finds nothing in run #{number}, the newest", { number })}
      </p>
      <div className="flex max-h-96 flex-col gap-3 overflow-auto">
        {parts.map((part) => (
          <div key={`${part.nodeId ?? ""} ${part.part}`}>
            <p className="text-muted text-xs">
              {part.label ? t("{part} of {label}", { part: part.part, label: part.label }) : part.part}
            </p>
            <JsonView value={part.value} open={3} />
          </div>
        ))}
      </div>
    </>
  );
}
