@echo off
rem Puts Cardea on a registrar's workstation, or takes it off again. No PowerShell; see /? below.
setlocal
set "from=%~dp0"
set "target=%ProgramFiles%\Cardea"
set "beside="
set "kind=x86"
set "autostart="
set "remove="

:next
if "%~1"=="" goto chosen
if /i "%~1"=="/?" goto usage
if /i "%~1"=="/target" goto take_target
if /i "%~1"=="/beside" goto take_beside
if /i "%~1"=="/kind" goto take_kind
if /i "%~1"=="/autostart" goto take_autostart
if /i "%~1"=="/remove" goto take_remove
echo install.cmd: what is %1? install.cmd /? tells what there is. 1>&2
exit /b 2

:take_target
if "%~2"=="" goto missing
set "target=%~2"
shift
shift
goto next
:take_beside
if "%~2"=="" goto missing
set "beside=%~2"
shift
shift
goto next
:take_kind
if "%~2"=="" goto missing
set "kind=%~2"
shift
shift
goto next
:take_autostart
set "autostart=yes"
shift
goto next
:take_remove
set "remove=yes"
shift
goto next
:missing
echo install.cmd: %1 needs a value; install.cmd /? tells what there is. 1>&2
exit /b 2

:usage
echo install.cmd [/target DIR] [/autostart] [/beside DIR [/kind x86 or x64]] [/remove]
echo.
echo   /target DIR   where cardea-agent.exe goes; default: %ProgramFiles%\Cardea
echo   /autostart    start the agent whenever this user logs in
echo   /beside DIR   put winscard.dll beside the program in DIR, whose smart cards ours are to be
echo   /kind         of that program: x86 (the default, 32 bit) or x64
echo   /remove       take away what the same arguments installed
exit /b 0

:chosen
if /i not "%kind%"=="x86" if /i not "%kind%"=="x64" goto wrong_kind
if not exist "%from%x64\cardea-agent.exe" goto incomplete
if not exist "%from%x64\winscard.dll" goto incomplete
if not exist "%from%x86\winscard.dll" goto incomplete
if defined beside if not exist "%beside%\" goto no_program
set "run=HKCU\Software\Microsoft\Windows\CurrentVersion\Run"
if defined remove goto remove

if not exist "%target%\" mkdir "%target%"
if not exist "%target%\" goto failed
copy /y "%from%x64\cardea-agent.exe" "%target%\cardea-agent.exe" >nul
if errorlevel 1 goto failed
echo %target%\cardea-agent.exe
if not defined autostart goto installed_agent
reg add "%run%" /v CardeaAgent /t REG_SZ /d "\"%target%\cardea-agent.exe\" run" /f >nul
if errorlevel 1 goto failed
echo starts when this user logs in
:installed_agent
if not defined beside goto done
if exist "%beside%\winscard.dll" if not exist "%beside%\winscard.dll.cardea" goto occupied
copy /y "%from%%kind%\winscard.dll" "%beside%\winscard.dll" >nul
if errorlevel 1 goto failed
rem Says that the DLL is ours to replace and to take away.
echo Cardea > "%beside%\winscard.dll.cardea"
if errorlevel 1 goto failed
echo %beside%\winscard.dll
:done
echo done; enrol this workstation with: cardea-agent enrol --server https://HOST --code-file -
exit /b 0

:remove
if not defined beside goto remove_agent
if not exist "%beside%\winscard.dll.cardea" goto remove_agent
del /q "%beside%\winscard.dll" "%beside%\winscard.dll.cardea"
if errorlevel 1 goto failed
:remove_agent
reg delete "%run%" /v CardeaAgent /f >nul 2>nul
if exist "%target%\cardea-agent.exe" del /q "%target%\cardea-agent.exe"
if exist "%target%\cardea-agent.exe" goto failed
if exist "%target%\" rmdir "%target%" 2>nul
echo removed; keys and settings stay in %LOCALAPPDATA%\Cardea
exit /b 0

:wrong_kind
echo install.cmd: /kind is x86 or x64, not %kind%. 1>&2
exit /b 2
:incomplete
echo install.cmd: beside it must be the folders x64 and x86 of the package. 1>&2
exit /b 1
:no_program
echo install.cmd: there is no folder %beside%. 1>&2
exit /b 1
:occupied
echo install.cmd: %beside% has a winscard.dll that is not ours; nothing was put there. 1>&2
exit /b 1
:failed
echo install.cmd: stopped; does this user have the right to write there, and is the agent running? 1>&2
exit /b 1
