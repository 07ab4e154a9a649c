import type { Attempt, Exchange, Failure } from "@/api/types";
import { cn } from "@/lib/cn";
import { jsonDiff } from "@/lib/json-diff";
import { t } from "@/lib/text";
import { clock, duration } from "@/lib/time";
import { type Place, Revealable, under } from "@/redaction";
import { Badge, CopyButton, Elapsed, EmptyState, JsonView, MaskedText } from "@/ui";
import { Changes } from "./changes";

/** Every try of a step side by side: the wait before it, what was sent, what came back, what was made of it. */
export function Attempts({ attempts, place }: { attempts: readonly Attempt[]; place: Place }) {
  if (attempts.length === 0) return <EmptyState title={t("Nothing was tried in this run")} />;
  const wide = attempts.length > 1;
  return (
    <ol aria-label={t("Attempts")} className={cn(wide ? "flex min-w-fit divide-x" : "divide-y")}>
      {attempts.map((each, index) => (
        <li
          key={each.attempt}
          className={cn("flex flex-col gap-3 px-4 py-3", wide && "w-[26rem] min-w-72 flex-1 max-sm:w-72")}
        >
          <Try
            attempt={each}
            before={attempts[index - 1] ?? null}
            place={{ ...place, base: `[${index}]`, whole: true }}
          />
        </li>
      ))}
    </ol>
  );
}

type TryProps = { attempt: Attempt; before: Attempt | null; place: Place };

function Try({ attempt: each, before, place }: TryProps) {
  const main = each.exchanges.findIndex((exchange) => exchange.request.at === each.request?.at);
  const waited = before?.finishedAt ? Date.parse(each.startedAt) - Date.parse(before.finishedAt) : null;
  return (
    <>
      <h3 className="flex flex-wrap items-center gap-2 font-semibold text-sm">
        {t("Attempt {attempt}", { attempt: each.attempt })}
        {each.outcome && (
          <Badge tone={each.error ? "failed" : undefined}>{each.outcome.replaceAll("_", " ")}</Badge>
        )}
        <span className="font-normal text-muted text-xs">
          {clock(each.startedAt)} · <Elapsed from={each.startedAt} to={each.finishedAt} />
          {waited !== null && t(" · after a wait of {time}", { time: duration(waited) })}
        </span>
      </h3>
      {each.error && (
        <Revealable place={inside(place, "error")}>
          <FailureText failure={each.error} />
        </Revealable>
      )}
      {before && <SinceBefore before={before} attempt={each} />}
      {each.request ? (
        <Call
          exchange={{ request: each.request, response: each.response, error: null }}
          place={inside(place, `exchanges[${Math.max(0, main)}]`)}
        />
      ) : (
        <p className="text-muted text-xs">{t("This attempt sent no request of its own.")}</p>
      )}
      {each.exchanges.length > 0 && (
        <details className="text-sm">
          <summary className="min-h-6 cursor-pointer text-accent-text text-xs">
            {t(
              "{exchanges, plural, one {# further call} other {# further calls}}: looking up and following",
              { exchanges: each.exchanges.length },
            )}
          </summary>
          <ol className="mt-2 flex flex-col gap-3 border-line border-l-2 pl-3">
            {each.exchanges.map((exchange, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: calls are only ever added at the end
              <li key={index}>
                <Call exchange={exchange} place={inside(place, `exchanges[${index}]`)} />
              </li>
            ))}
          </ol>
        </details>
      )}
    </>
  );
}

/** What this try sent, and what it was told, other than the one before. */
function SinceBefore({ before, attempt }: { before: Attempt; attempt: Attempt }) {
  const told = (each: Attempt) => ({
    sent: each.request ? parsed(each.request.body ?? "") : null,
    answered: each.response ? { status: each.response.status, body: parsed(each.response.body ?? "") } : null,
  });
  const count = jsonDiff(told(before), told(attempt)).length;
  if (!count)
    return (
      <p className="text-muted text-xs">
        {t("Sent and answered the same as attempt {attempt}.", { attempt: before.attempt })}
      </p>
    );
  return (
    <details className="rounded-md border text-sm">
      <summary className="min-h-6 cursor-pointer px-2.5 text-accent-text text-xs leading-6">
        {t("{count, plural, one {# difference} other {# differences}} to attempt {attempt}", {
          count,
          attempt: before.attempt,
        })}
      </summary>
      <Changes
        label={t("Attempt {attempt}", { attempt: attempt.attempt })}
        before={told(before)}
        after={told(attempt)}
        names={[
          t("Attempt {attempt}", { attempt: before.attempt }),
          t("Attempt {attempt}", { attempt: attempt.attempt }),
        ]}
      />
    </details>
  );
}

/** A failure in its own words, with what to do. */
export function FailureText({ failure }: { failure: Failure }) {
  return (
    <div className="min-w-0 break-words text-sm">
      <p className="text-st-failed">
        <MaskedText text={failure.message} path="" />
      </p>
      <p className="text-muted text-xs">
        <code className="font-mono">{failure.code}</code>
        {failure.hint && <> · {failure.hint}</>}
      </p>
      {failure.cause !== null && failure.cause !== undefined && (
        <details className="mt-1">
          <summary className="min-h-6 cursor-pointer text-accent-text text-xs">{t("Cause")}</summary>
          <JsonView value={failure.cause} className="pt-2" />
        </details>
      )}
    </div>
  );
}

/** A part of what stands at `place`. */
function inside(place: Place, part: string): Place {
  return { ...place, base: under(place.base ?? "", part) };
}

function Call({ exchange, place }: { exchange: Exchange; place: Place }) {
  const { request, response, error } = exchange;
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <div className="flex min-w-0 items-start gap-2 font-mono text-xs">
        <span className="shrink-0 font-semibold">{request.method}</span>
        <span className="min-w-0 flex-1 break-all">
          <Revealable place={inside(place, "request.url")}>
            <MaskedText text={request.url} path="" />
          </Revealable>
        </span>
        <CopyButton text={request.url} label={t("Copy address")} className="-my-1" />
      </div>
      <Revealable place={inside(place, "request")}>
        <Message label={t("Request as sent")} headers={request.headers} body={request.body} />
      </Revealable>
      {response && (
        <>
          <p className="flex items-center gap-2 text-xs">
            <Badge tone={response.status < 400 ? "done" : "failed"}>{response.status}</Badge>
            <span className="text-muted">
              {t("after {seconds} s", { seconds: response.seconds.toFixed(2) })}
            </span>
          </p>
          <Revealable place={inside(place, "response")}>
            <Message label={t("Response")} headers={response.headers} body={response.body} />
          </Revealable>
        </>
      )}
      {error && <p className="break-words text-st-failed text-xs">{error}</p>}
      {!response && !error && <p className="text-muted text-xs">{t("No answer is recorded.")}</p>}
    </div>
  );
}

type MessageProps = { label: string; headers: Record<string, string>; body: string | null };

function Message({ label, headers, body }: MessageProps) {
  const value = body === null || body === "" ? undefined : parsed(body);
  return (
    <div className="min-w-0 rounded-md border border-line bg-sunken px-2.5 py-1.5">
      <details>
        <summary className="min-h-6 cursor-pointer text-muted text-xs">
          {label} ·{" "}
          {t("{headers, plural, one {# header} other {# headers}}", { headers: Object.keys(headers).length })}
        </summary>
        <dl className="grid grid-cols-[auto_1fr] gap-x-3 pb-1 font-mono text-2xs">
          {Object.entries(headers).map(([name, text]) => (
            <div key={name} className="contents">
              <dt className="text-muted">{name}</dt>
              <dd className="min-w-0 break-all">
                <MaskedText text={text} path="" />
              </dd>
            </div>
          ))}
        </dl>
      </details>
      {value === undefined ? (
        <p className="text-muted text-xs">{t("No body")}</p>
      ) : typeof value === "string" ? (
        <pre className="max-h-72 overflow-auto whitespace-pre-wrap break-words font-mono text-xs">
          <MaskedText text={value} path="" />
        </pre>
      ) : (
        <JsonView value={value} open={1} className="pt-2" />
      )}
    </div>
  );
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
