import { useQuery } from "@tanstack/react-query";
import { EyeOff, Plus } from "lucide-react";
import { useState } from "react";
import { toastProblem } from "@/api/problem";
import { redactionQuery, useMay, useRemoveRule, useSetRevealRole } from "@/api/queries";
import type { RedactionRule, RevealRole } from "@/api/types";
import { rich, t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Badge, Button, ConfirmDialog, EmptyState, Loaded, Section, Select, Timestamp } from "@/ui";
import { NewRuleDialog } from "./redaction-rule";
import { Said } from "./rows";

const WHO: { value: RevealRole; label: string }[] = [
  { value: "admin", label: t("Admins") },
  { value: "editor", label: t("Editors and admins") },
  { value: "operator", label: t("Operators, editors, admins") },
];

/** What is masked wherever payloads are shown, and who may have a masked value revealed. */
export function Redaction() {
  const query = useQuery(redactionQuery);
  const may = useMay("admin");
  const [adding, setAdding] = useState(false);
  return (
    <>
      <Section
        title={t("Rules")}
        description={t(
          "What they find is masked on every screen, in the API, in exports and in the archive. Runs compute with the whole values.",
        )}
        flush
        actions={
          may && (
            <Button size="sm" icon={Plus} onClick={() => setAdding(true)}>
              {t("New rule")}
            </Button>
          )
        }
      >
        <Loaded query={query} compact>
          {({ rules }) => <Rules rules={rules} may={may} />}
        </Loaded>
        {adding && <NewRuleDialog onClose={() => setAdding(false)} />}
      </Section>
      <Section title={t("Revealing")}>
        <Loaded query={query} compact>
          {({ revealRole }) => <Revealers role={revealRole} may={may} />}
        </Loaded>
      </Section>
    </>
  );
}

function Rules({ rules, may }: { rules: readonly RedactionRule[]; may: boolean }) {
  const [asked, setAsked] = useState<RedactionRule | null>(null);
  const remove = useRemoveRule();
  if (rules.length === 0)
    return (
      <EmptyState icon={EyeOff} title={t("Nothing is masked")} className="py-8">
        {may
          ? t("A rule masks a field by its path, or whatever looks like an e-mail address, a card number, …")
          : t("Admins make rules.")}
      </EmptyState>
    );
  return (
    <>
      <ul aria-label={t("Rules")} className="divide-y">
        {rules.map((rule) => (
          <li
            key={rule.id}
            className="flex min-h-13 flex-wrap items-center gap-x-3 gap-y-1.5 px-4 py-2 text-sm"
          >
            <Said
              title={
                <>
                  <span className="truncate">{rule.name}</span>
                  {!rule.store && <Badge>{t("not stored")}</Badge>}
                </>
              }
            >
              {rule.kind} <code className="break-all font-mono">{rule.value}</code>
              {" · "}
              {rich("{what} · by {createdBy} {when}", {
                what: rule.orchestratorId
                  ? t("only {orchestratorName}", {
                      orchestratorName: rule.orchestratorName ?? t("one orchestrator"),
                    })
                  : t("everywhere"),
                createdBy: rule.createdBy,
                when: <Timestamp at={rule.createdDate} />,
              })}
            </Said>
            {may && (
              <Button
                size="sm"
                variant="danger"
                aria-label={t("Remove {name}", { name: rule.name })}
                onClick={() => setAsked(rule)}
              >
                {t("Remove")}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {asked && (
        <ConfirmDialog
          open
          onOpenChange={(open) => !open && setAsked(null)}
          title={t("Remove the rule {name}?", { name: asked.name })}
          action={t("Remove rule")}
          pending={remove.isPending}
          onConfirm={() =>
            remove.mutate(asked.id, {
              onSuccess: () => setAsked(null),
              onError: (error) => toastProblem(error, t("The rule was not removed")),
            })
          }
        >
          {t("What it masked is shown to everybody who may see the runs.")}
        </ConfirmDialog>
      )}
    </>
  );
}

function Revealers({ role, may }: { role: RevealRole; may: boolean }) {
  const set = useSetRevealRole();
  const change = (next: string) =>
    set.mutate(next as RevealRole, {
      onSuccess: () => toast.success(t("Who may reveal was changed")),
      onError: (error) => toastProblem(error, t("It was not changed")),
    });
  return (
    <div className="flex flex-wrap items-center justify-between gap-4 text-sm">
      <p>{t("Who may have a masked value revealed, for a reason that the audit log keeps")}</p>
      {may ? (
        <Select label={t("Who may reveal")} className="w-60" value={role} onChange={change} options={WHO} />
      ) : (
        <p className="text-muted">{WHO.find((each) => each.value === role)?.label}</p>
      )}
    </div>
  );
}
