import { problemOf } from "@/api/problem";
import { t } from "@/lib/text";
import { Field, Input } from "@/ui";

type Props = {
  value: string;
  onChange: (value: string) => void;
  /** In whose history it will stand. */
  of?: string;
  required?: boolean;
  /** It was sent without one. */
  missing?: boolean;
};

/** Why somebody acts on a dead letter. */
export function ReasonField({ value, onChange, of = t("the run's history"), required, missing }: Props) {
  return (
    <Field
      label={t("Reason")}
      required={required}
      hint={t("Stands in {of}, with your name.", { of })}
      error={missing && !value.trim() ? t("Say why; whoever reads the history wants to know.") : null}
    >
      <Input value={value} maxLength={500} onChange={(event) => onChange(event.target.value)} />
    </Field>
  );
}

/** Why the server did not do it. */
export function Refused({ error }: { error: Error | null }) {
  if (!error) return null;
  const problem = problemOf(error);
  return (
    <p role="alert" className="text-sm text-st-failed">
      {problem.detail} {problem.hint}
    </p>
  );
}
