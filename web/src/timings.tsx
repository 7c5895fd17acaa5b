import { shown } from './questions.ts'

const stages = [
  ['encodeMs', 'seeing the picture', 'see'],
  ['plainAnswerMs', 'plain answer', 'plain'],
  ['encodeBlocksMs', 'seeing its blocks', 'see'],
  ['mapMs', 'map', 'map'],
  ['encodeCropMs', 'seeing the crop', 'crop'],
  ['answerMs', 'answer', 'answer'],
] as const

/** What took how long, as the shares of a bar. */
export function Timings() {
  const { found, tried } = shown.value ?? {}
  const timings = (tried ?? found)?.timings ?? {}
  const parts = stages.flatMap(([name, label, style]) => {
    const ms = timings[name]
    return ms === undefined ? [] : [{ label, style, ms }]
  })
  const total = parts.reduce((sum, { ms }) => sum + ms, 0)
  return (
    <section class="timings" aria-labelledby="timings">
      <h3 id="timings">
        Time <b>{duration(total)}</b>
      </h3>
      <div class="bar" aria-hidden="true">
        {parts.map(({ label, style, ms }) => (
          <span key={label} class={style} style={{ flexGrow: ms }} title={`${label}: ${duration(ms)}`} />
        ))}
      </div>
      <ul>
        {parts.map(({ label, style, ms }) => (
          <li key={label}>
            <i class={style} aria-hidden="true" /> {label} <b>{duration(ms)}</b>
          </li>
        ))}
      </ul>
    </section>
  )
}

const duration = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)
