import { Agent, request } from 'undici'

// Clients of a server of the OpenAI API that ask one question after another about pictures, as long as there is a server.

export interface Subject {
  /** A data URL. */
  readonly picture: string
  readonly questions: readonly string[]
}

export interface Load {
  /** How often each status came. */
  readonly statuses: Record<number, number>
  /** From a request to the end of its response, of those answered with 200. In milliseconds. */
  readonly latenciesMs: number[]
  /** Requests that were left on purpose. */
  left: number
  /** Requests on open connections that got no complete response, with what happened. */
  readonly lost: string[]
  /** Answers that were others than before to the same question. */
  readonly different: string[]
}

export interface LoadOptions {
  readonly url: string
  readonly model: string
  readonly clients: number
  readonly subjects: readonly Subject[]
  /** Numbers from 0 up to 1. */
  readonly random: () => number
}

/** How many requests are left in the middle, and how long they had at most. */
const leaving = { share: 1 / 20, withinMs: 400 }

/** How many questions a conversation about a picture has at most. */
const maxTurns = 3

/** Runs until the signal fires or the server is gone; what was asked then is waited for. */
export async function load(options: LoadOptions, until: AbortSignal): Promise<Load> {
  const found: Load = { statuses: {}, latenciesMs: [], left: 0, lost: [], different: [] }
  const answers = new Map<string, string>()
  const agent = new Agent({ connections: options.clients, headersTimeout: 600_000, bodyTimeout: 600_000 })
  const clients = Array.from({ length: options.clients }, () =>
    client(options, { found, answers, agent, until }),
  )
  await Promise.all(clients)
  await agent.close()
  return found
}

interface Shared {
  readonly found: Load
  readonly answers: Map<string, string>
  readonly agent: Agent
  readonly until: AbortSignal
}

async function client(options: LoadOptions, shared: Shared): Promise<void> {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(options.random() * list.length)] as T
  while (!shared.until.aborted) {
    const { picture, questions } = pick(options.subjects)
    const messages: object[] = []
    const turns = 1 + Math.floor(options.random() * maxTurns)
    for (let turn = 0; turn < turns && !shared.until.aborted; turn++) {
      const question = pick(questions)
      const text = { type: 'text', text: question }
      const content = turn === 0 ? [{ type: 'image_url', image_url: { url: picture } }, text] : question
      messages.push({ role: 'user', content })
      const conversation = `${options.subjects.findIndex(subject => subject.picture === picture)}`
      const answer = await askUntilAnswered({ ...options, messages, conversation }, shared)
      if (answer === 'gone') return
      if (answer === null) break
      messages.push({ role: 'assistant', content: answer })
      const key = `${picture} ${question}`
      const before = shared.answers.get(key) ?? answer
      shared.answers.set(key, before)
      if (before !== answer) shared.found.different.push(`${question} ${before} ${answer}`)
    }
  }
}

interface Question extends LoadOptions {
  readonly messages: readonly object[]
  /** By which a load balancer can keep questions about a picture together. */
  readonly conversation: string
}

/** The answer; null where there is none to go on from; `gone` when the server takes no more connections. */
async function askUntilAnswered(question: Question, shared: Shared): Promise<string | null | 'gone'> {
  const { found, until } = shared
  for (;;) {
    const start = performance.now()
    const leaves = question.random() < leaving.share
    const signal = leaves ? AbortSignal.timeout(Math.floor(question.random() * leaving.withinMs)) : null
    try {
      const { status, answer, waitMs } = await ask(question, shared.agent, signal)
      found.statuses[status] = (found.statuses[status] ?? 0) + 1
      if (status === 200) found.latenciesMs.push(performance.now() - start)
      if (status === 200 || until.aborted || waitMs === null) return answer
      await new Promise(resolve => setTimeout(resolve, waitMs * (0.5 + question.random())))
    } catch (error) {
      if (signal?.aborted) {
        found.left++
        return null
      }
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ECONNREFUSED') return 'gone'
      found.lost.push(`${code}: ${message}`)
      return null
    }
  }
}

interface Reply {
  readonly status: number
  readonly answer: string | null
  /** When to come again, if that was said. */
  readonly waitMs: number | null
}

async function ask(
  { url, model, messages, conversation, random }: Question,
  dispatcher: Agent,
  signal: AbortSignal | null,
): Promise<Reply> {
  const stream = random() < 0.5
  const response = await request(`${url}/v1/chat/completions`, {
    dispatcher,
    signal,
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-conversation': conversation },
    body: JSON.stringify({ model, messages, stream }),
  })
  const text = await response.body.text()
  const status = response.statusCode
  const after = response.headers['retry-after']
  const waitMs = after === undefined ? null : 1000 * Number(after)
  return { status, waitMs, answer: status !== 200 ? null : stream ? streamedAnswer(text) : wholeAnswer(text) }
}

const wholeAnswer = (text: string): string => JSON.parse(text).choices[0].message.content

function streamedAnswer(text: string): string {
  const events = text.split('\n\n').map(event => event.replace(/^data: /, ''))
  if (events.pop() !== '' || events.pop() !== '[DONE]')
    throw new Error(`a stream without end: ${text.slice(-300)}`)
  return events.map(event => JSON.parse(event).choices[0].delta.content ?? '').join('')
}
