import { render } from 'preact'
import { App } from './app.tsx'
import { start } from './model.ts'

render(<App />, document.getElementById('page') as HTMLElement)
void start()
