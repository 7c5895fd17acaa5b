import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

// The command line as its users have it: a process of its own.

const root = fileURLToPath(new URL('../..', import.meta.url))
const main = join(root, 'dist/cli/main.js')

requireBuild()

/** `npm test` builds first; whoever runs vitest alone shall not test yesterday's build. */
function requireBuild(): void {
  const built = statSync(join(root, 'tsconfig.src.tsbuildinfo'), { throwIfNoEntry: false })
  if (built === undefined || statSync(main, { throwIfNoEntry: false }) === undefined) {
    throw new Error('dist/ is missing: run "npm run build" first')
  }
  for (const file of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('.ts') && statSync(join(root, 'src', file)).mtimeMs > built.mtimeMs) {
      throw new Error(`dist/ is older than src/${file}: run "npm run build" first`)
    }
  }
}

/** A folder for all of a test file, whose tests may run side by side. */
export function folderOfFile(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'vicrop-cli-')))
  afterAll(() => rmSync(folder, { recursive: true }))
  return folder
}

export interface Ended {
  /** The exit status, or the signal that ended it. */
  readonly status: number | string | null
  readonly stdout: string
  readonly stderr: string
}

export interface Surroundings {
  /** The working folder. Default: the repository. */
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Called at each piece of standard output; returns what to do then. */
  readonly onOutput?: () => 'SIGINT' | 'stop reading' | null
  /** Called at each piece of standard error. */
  readonly onError?: (text: string) => void
  /** Ends it without notice. */
  readonly killed?: AbortSignal
  /** Presses Ctrl-C. */
  readonly interrupted?: AbortSignal
}

/** Runs `vicrop` with its output going to pipes. */
export function vicrop(
  args: readonly string[],
  { cwd = root, env: more, onOutput, onError, killed, interrupted }: Surroundings = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NO_COLOR: '1', ...more }
    const running = spawn(process.execPath, [main, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    running.stdout.setEncoding('utf8').on('data', text => {
      stdout += text
      const next = onOutput?.() ?? null
      if (next === 'stop reading') running.stdout.destroy()
      else if (next !== null) running.kill(next)
    })
    running.stderr.setEncoding('utf8').on('data', text => {
      stderr += text
      onError?.(text)
    })
    killed?.addEventListener('abort', () => running.kill('SIGKILL'))
    interrupted?.addEventListener('abort', () => running.kill('SIGINT'))
    running.on('error', reject)
    running.on('close', (code, signal) => resolve({ status: code ?? signal, stdout, stderr }))
  })
}
