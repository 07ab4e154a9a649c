import { ArrowLeft } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { problemOf, toastProblem } from "@/api/problem";
import { useConnect, useTestConnection } from "@/api/queries";
import type { JsonObject, Provider } from "@/api/types";
import { type FormErrors, type Schema, validate } from "@/forms";
import { cn } from "@/lib/cn";
import { plural } from "@/lib/time";
import { Button, Dialog, Field, Input, ProviderChip } from "@/ui";
import { CredentialsForm, fieldErrors, filled } from "./credentials";
import { Notice, TestResult } from "./result";

type Props = {
  providers: readonly Provider[];
  /** The chosen provider's name; "" before the choice. */
  chosen: string;
  onChoose: (provider: string) => void;
  onClose: () => void;
  onMade: (id: string) => void;
};

/** Three steps: which platform, how to reach it, and what a test of that says. */
export function AddDialog({ providers, chosen, onChoose, onClose, onMade }: Props) {
  const provider = providers.find((each) => each.name === chosen);
  if (provider) {
    return (
      <Filling
        key={provider.name}
        provider={provider}
        onBack={() => onChoose("")}
        onClose={onClose}
        onMade={onMade}
      />
    );
  }
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Add a connection"
      description="Which platform do your workflows run on?"
    >
      <Steps at={1} />
      <ul className="grid gap-2 sm:grid-cols-2">
        {providers.map((each) => (
          <li key={each.name}>
            <button
              type="button"
              onClick={() => onChoose(each.name)}
              className="flex w-full items-center gap-3 rounded-lg border bg-surface p-3 text-left shadow-card transition-colors hover:border-edge hover:bg-hover"
            >
              <ProviderChip provider={each.name} size="lg" />
              <span className="min-w-0">
                <span className="block truncate font-medium text-sm">{each.title}</span>
                <span className="block truncate text-muted text-xs">
                  {each.connections.length ? plural(each.connections.length, "connection") : "Not connected"}
                </span>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function Filling({
  provider,
  onBack,
  onClose,
  onMade,
}: {
  provider: Provider;
  onBack: () => void;
  onClose: () => void;
  onMade: (id: string) => void;
}) {
  const schema = provider.connectionForm as Schema;
  const [name, setName] = useState(() => unused(provider));
  const [value, setValue] = useState<JsonObject>({});
  const [allowPrivateNetwork, setAllowPrivate] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const test = useTestConnection();
  const connect = useConnect();
  const credentials = filled(value);
  const answer = test.data;
  const faults = validate(schema, credentials);

  const tried = () => {
    setAttempt(attempt + 1);
    if (Object.keys(faults).length > 0) return;
    test.mutate({
      provider: provider.name,
      credentials,
      ...(allowPrivateNetwork && { allowPrivateNetwork }),
    });
  };
  const edited = (next: JsonObject) => {
    setValue(next);
    if (test.error) test.reset();
  };
  const save = () =>
    connect.mutate(
      {
        provider: provider.name,
        name: name.trim() || provider.title,
        credentials,
        ...(allowPrivateNetwork && { allowPrivateNetwork }),
        ...(answer && !answer.ok && { force: true }),
      },
      {
        onSuccess: (made) => {
          toast.success(`${made.name} is connected`);
          onMade(made.id);
        },
        onError: (error) => {
          if (problemOf(error).code !== "name-taken") toastProblem(error, "The connection was not saved");
        },
      },
    );

  if (answer) {
    const taken = connect.error && problemOf(connect.error).code === "name-taken";
    return (
      <Dialog
        open
        onOpenChange={onClose}
        title={`Connect ${provider.title}`}
        description={answer.ok ? "Give it a name that says which one it is." : "The test failed."}
        footer={
          <>
            <Button icon={ArrowLeft} onClick={() => test.reset()}>
              Back
            </Button>
            {!answer.ok && (
              <Button pending={test.isPending} onClick={tried}>
                Test again
              </Button>
            )}
            <Button variant={answer.ok ? "primary" : "danger"} pending={connect.isPending} onClick={save}>
              {answer.ok ? "Save connection" : "Save anyway"}
            </Button>
          </>
        }
      >
        <Steps at={3} />
        <div className="flex flex-col gap-4">
          <TestResult title={provider.title} answer={answer} />
          <Field
            label="Name"
            hint="For example “Production” or “Test”."
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
      </Dialog>
    );
  }
  const problem = test.error ? problemOf(test.error) : null;
  const errors: FormErrors = { ...fieldErrors(test.error), ...faults };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={`Connect ${provider.title}`}
      description="Secrets are encrypted and never shown again. The test starts nothing."
      footer={
        <>
          <Button icon={ArrowLeft} onClick={onBack}>
            Back
          </Button>
          <Button variant="primary" type="submit" form="credentials" pending={test.isPending}>
            Test connection
          </Button>
        </>
      }
    >
      <Steps at={2} />
      <form
        id="credentials"
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          tried();
        }}
      >
        <CredentialsForm
          schema={schema}
          value={value}
          onChange={edited}
          errors={errors}
          attempt={attempt}
          allowPrivate={allowPrivateNetwork}
          onAllowPrivate={setAllowPrivate}
        />
        {problem && (
          <div role="alert">
            <Notice tone="failed" title={problem.detail ?? problem.title}>
              {problem.hint}
            </Notice>
          </div>
        )}
      </form>
    </Dialog>
  );
}

const STEPS = ["Platform", "Credentials", "Test"];

function Steps({ at }: { at: number }) {
  return (
    <ol className="mb-4 flex gap-2 text-xs" aria-label="Steps">
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
