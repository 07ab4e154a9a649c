import { ArrowLeft } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import { problemOf, toastProblem } from "@/api/problem";
import { useConnect, useTestConnection } from "@/api/queries";
import type { JsonObject, Provider } from "@/api/types";
import { type FormErrors, type Schema, validate } from "@/forms";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Button, Field, Input } from "@/ui";
import { CredentialsForm, fieldErrors, filled, plain } from "./credentials";
import { Refusal, TestResult } from "./result";

/** What a step shows; where it stands (a dialog, a page) is for the caller to say. `footer`: buttons, the main one last. */
export type Framed = { title: string; description: string; footer: ReactNode; children: ReactNode };

type Props = {
  provider: Provider;
  /** Back to the choice of the platform; left out where there is none. */
  onBack?: () => void;
  onMade?: (id: string) => void;
  frame: (step: Framed) => ReactNode;
};

/** How to reach a platform, and what a test of that says: kept only after that. */
export function ConnectSteps({ provider, onBack, onMade, frame }: Props) {
  const form = useId();
  const schema = provider.connectionForm as Schema;
  const [name, setName] = useState(() => unused(provider));
  const [value, setValue] = useState<JsonObject>({});
  const [allowPrivateNetwork, setAllowPrivate] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const test = useTestConnection();
  const connect = useConnect();
  const credentials = filled(value);
  const answer = test.data;
  const faults = validate(schema, plain(credentials));
  const title = t("Connect {title}", { title: provider.title });
  const given = { provider: provider.name, credentials, ...(allowPrivateNetwork && { allowPrivateNetwork }) };

  const tried = () => {
    setAttempt(attempt + 1);
    if (Object.keys(faults).length === 0) test.mutate(given);
  };
  const save = async () => {
    try {
      const force = answer && !answer.ok && { force: true };
      const made = await connect.mutateAsync({ ...given, name: name.trim() || provider.title, ...force });
      toast.success(t("{name} is connected", { name: made.name }));
      onMade?.(made.id);
    } catch (error) {
      if (problemOf(error).code !== "name-taken") toastProblem(error, t("The connection was not saved"));
    }
  };

  if (answer) {
    const taken = connect.error && problemOf(connect.error).code === "name-taken";
    return frame({
      title,
      description: answer.ok ? t("Give it a name that says which one it is.") : t("The test failed."),
      footer: (
        <>
          <Button icon={ArrowLeft} onClick={() => test.reset()}>
            {t("Back")}
          </Button>
          {!answer.ok && (
            <Button pending={test.isPending} onClick={tried}>
              {t("Test again")}
            </Button>
          )}
          <Button
            variant={answer.ok ? "primary" : "danger"}
            pending={connect.isPending}
            onClick={() => void save()}
          >
            {answer.ok ? t("Save connection") : t("Save anyway")}
          </Button>
        </>
      ),
      children: (
        <>
          <Steps at={3} />
          <div className="flex flex-col gap-4">
            <TestResult title={provider.title} answer={answer} />
            <Field
              label={t("Name")}
              hint={t("For example “Production” or “Test”.")}
              error={taken ? problemOf(connect.error).detail : undefined}
            >
              <Input
                value={name}
                maxLength={200}
                onChange={(event) => {
                  setName(event.target.value);
                  if (connect.error) connect.reset();
                }}
              />
            </Field>
          </div>
        </>
      ),
    });
  }
  const errors: FormErrors = { ...fieldErrors(test.error), ...faults };
  return frame({
    title,
    description: t("Secrets are encrypted and never shown again. The test starts nothing."),
    footer: (
      <>
        {onBack && (
          <Button icon={ArrowLeft} onClick={onBack}>
            {t("Back")}
          </Button>
        )}
        <Button variant="primary" type="submit" form={form} pending={test.isPending}>
          {t("Test connection")}
        </Button>
      </>
    ),
    children: (
      <>
        <Steps at={2} />
        <form
          id={form}
          className="flex flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            tried();
          }}
        >
          <CredentialsForm
            schema={schema}
            value={value}
            onChange={(next) => {
              setValue(next);
              if (test.error) test.reset();
            }}
            errors={errors}
            attempt={attempt}
            allowPrivate={allowPrivateNetwork}
            onAllowPrivate={setAllowPrivate}
          />
          <Refusal error={test.error} />
        </form>
      </>
    ),
  });
}

const STEPS = [t("Platform"), t("Credentials"), t("Test")];

/** Where one is on the way to a connection. */
export function Steps({ at }: { at: number }) {
  return (
    <ol className="mb-4 flex gap-2 text-xs" aria-label={t("Steps")}>
      {STEPS.map((step, index) => (
        <li
          key={step}
          aria-current={index + 1 === at ? "step" : undefined}
          className={cn(
            "flex-1 border-t-2 pt-1.5",
            index + 1 <= at ? "border-accent" : "border-line",
            index + 1 === at ? "font-medium text-ink" : "text-muted",
          )}
        >
          {index + 1}. {step}
        </li>
      ))}
    </ol>
  );
}

/** A name no connection of the provider has: "n8n", "n8n 2". */
function unused(provider: Provider): string {
  const names = new Set(provider.connections.map((each) => each.name));
  let name = provider.title;
  for (let count = 2; names.has(name); count++) name = `${provider.title} ${count}`;
  return name;
}
