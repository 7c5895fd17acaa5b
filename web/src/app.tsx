import { useEffect } from 'preact/hooks'
import { Answers } from './answers.tsx'
import { Ask } from './ask.tsx'
import { Examples } from './gallery.tsx'
import { Header } from './header.tsx'
import { MapControls } from './map-controls.tsx'
import { gpuProblem } from './model.ts'
import { picture, problem, shown, showPicture, work } from './questions.ts'
import { Reproduce } from './reproduce.tsx'
import { Stage } from './stage.tsx'
import { Timings } from './timings.tsx'

export function App() {
  usePictures()
  return (
    <>
      <Header />
      <main>
        <div class="look">
          <Stage />
          {picture.value !== null && <MapControls />}
        </div>
        <div class="talk">
          {picture.value === null ? <Introduction /> : <Ask />}
          {problem.value !== null && (
            <p class="problem" role="alert">
              {problem}
            </p>
          )}
          {picture.value !== null && <Answers />}
          {gpuProblem.value !== null && (
            <p class="note" role="alert">
              WebGPU does not start, and WebAssembly answers instead: {gpuProblem}
            </p>
          )}
        </div>
        {shown.value !== null && (
          <div class="facts">
            <Timings />
            <Reproduce />
          </div>
        )}
        <Examples />
      </main>
      <footer>
        <p>
          The method is that of Zhang, Khayatkhoei, Chhikara and Ilievski,{' '}
          <a href="https://arxiv.org/abs/2502.17422">MLLMs Know Where to Look</a> (ICLR 2025).
        </p>
      </footer>
      <p class="unseen" role="status">
        {spoken()}
      </p>
    </>
  )
}

function Introduction() {
  return (
    <section class="introduction">
      <h2>It looks at the right spot, and still gets it wrong.</h2>
      <p>
        A multimodal model often misreads what is small in a picture. Its attention is on the right place all
        the same. vicrop reads that attention, crops there, and asks again with both pictures.
      </p>
      <p>Choose one of the pictures below, or bring your own. The heat map shows where the model looks.</p>
    </section>
  )
}

/** For screen readers: what is being done, and what came of it. */
function spoken(): string {
  if (work.value !== null) return work.value.stage
  const { found, tried } = shown.value ?? {}
  if (found === undefined) return ''
  const alone = `Alone: ${found.plainAnswer}.`
  if (found.crop === null) return `${alone} There is no crop.`
  const own = tried ? ` With your crop: ${tried.answer}.` : ''
  return `${alone} With the crop: ${found.answer}.${own}`
}

/** Takes pictures that are dropped on the page, or pasted. */
function usePictures(): void {
  useEffect(() => {
    const over = (event: DragEvent): void => event.preventDefault()
    const drop = (event: DragEvent): void => {
      event.preventDefault()
      take(event.dataTransfer?.files)
    }
    const paste = (event: ClipboardEvent): void => take(event.clipboardData?.files)
    document.addEventListener('dragover', over)
    document.addEventListener('drop', drop)
    document.addEventListener('paste', paste)
    return () => {
      document.removeEventListener('dragover', over)
      document.removeEventListener('drop', drop)
      document.removeEventListener('paste', paste)
    }
  }, [])
}

function take(files: FileList | undefined): void {
  const file = files?.[0]
  if (file !== undefined) void showPicture(file, file.name)
}
