define void @tandem_kernel(i64 %begin, i64 %end, ptr %ptrs, ptr %vals, ptr %scratch, ptr %status) nounwind "prefer-vector-width"="512" "min-legal-vector-width"="512" {
entry:
  %result8 = alloca [1 x float], align 64
  %result9 = alloca [1 x float], align 64
  %s0.p = getelementptr i64, ptr %vals, i64 0
  %s0 = load i64, ptr %s0.p
  %s1.p = getelementptr i64, ptr %vals, i64 1
  %s1 = load i64, ptr %s1.p
  %s2.p = getelementptr i64, ptr %vals, i64 2
  %s2 = load i64, ptr %s2.p
  %s3.p = getelementptr i64, ptr %vals, i64 3
  %s3 = load i64, ptr %s3.p
  %s4.p = getelementptr i64, ptr %vals, i64 4
  %s4 = load i64, ptr %s4.p
  %s5.p = getelementptr i64, ptr %vals, i64 5
  %s5 = load i64, ptr %s5.p
  %v0 = getelementptr ptr, ptr %ptrs, i64 0
  %v1 = load ptr, ptr %v0
  %v2 = getelementptr ptr, ptr %ptrs, i64 1
  %v3 = load ptr, ptr %v2
  %v4 = mul i64 %s1, 4
  %v5 = add i64 %v4, 63
  %v6 = and i64 %v5, -64
  %v7 = getelementptr i8, ptr %scratch, i64 %v6
  br label %head10
head10:
  %p12 = phi i64 [ %begin, %entry ], [ %v223, %end176 ]
  %v13 = icmp slt i64 %p12, %end
  br i1 %v13, label %body14, label %exit11
body14:
  store float 0xFFF0000000000000, ptr %result8, align 4
  %v15 = icmp sgt i64 %s1, 0
  br i1 %v15, label %then17, label %end16
then17:
  %v18 = mul i64 %s3, %p12
  %v19 = add i64 %s2, %v18
  %v20 = getelementptr float, ptr %v1, i64 %v19
  br label %head21
head21:
  %p23 = phi i64 [ 0, %then17 ], [ %v42, %body28 ]
  %p24 = phi <16 x float> [ splat (float 0xFFF0000000000000), %then17 ], [ %v37, %body28 ]
  %p25 = phi <16 x float> [ splat (float 0xFFF0000000000000), %then17 ], [ %v41, %body28 ]
  %v26 = sub i64 %s1, 31
  %v27 = icmp slt i64 %p23, %v26
  br i1 %v27, label %body28, label %exit22
body28:
  %v29 = getelementptr float, ptr %v20, i64 %p23
  %v30 = load <16 x float>, ptr %v29, align 4
  %v31 = getelementptr float, ptr %v29, i64 16
  %v32 = load <16 x float>, ptr %v31, align 4
  %v33 = sub i64 %p23, 0
  %v34 = fcmp ogt <16 x float> %v30, %p24
  %v35 = select <16 x i1> %v34, <16 x float> %v30, <16 x float> %p24
  %v36 = fcmp uno <16 x float> %v30, %v30
  %v37 = select <16 x i1> %v36, <16 x float> %v30, <16 x float> %v35
  %v38 = fcmp ogt <16 x float> %v32, %p25
  %v39 = select <16 x i1> %v38, <16 x float> %v32, <16 x float> %p25
  %v40 = fcmp uno <16 x float> %v32, %v32
  %v41 = select <16 x i1> %v40, <16 x float> %v32, <16 x float> %v39
  %v42 = add i64 %p23, 32
  br label %head21
exit22:
  br label %head43
head43:
  %p45 = phi i64 [ %p23, %exit22 ], [ %v63, %body49 ]
  %p46 = phi <16 x float> [ %p24, %exit22 ], [ %p47, %body49 ]
  %p47 = phi <16 x float> [ %p25, %exit22 ], [ %v64, %body49 ]
  %v48 = icmp slt i64 %p45, %s1
  br i1 %v48, label %body49, label %exit44
body49:
  %v50 = sub i64 %s1, %p45
  %v51 = call i64 @llvm.smin.i64(i64 %v50, i64 16)
  %v52 = trunc i64 %v51 to i32
  %v53 = insertelement <16 x i32> poison, i32 %v52, i32 0
  %v54 = shufflevector <16 x i32> %v53, <16 x i32> poison, <16 x i32> zeroinitializer
  %v55 = icmp ult <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v54
  %v56 = getelementptr float, ptr %v20, i64 %p45
  %v57 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v56, i32 4, <16 x i1> %v55, <16 x float> zeroinitializer)
  %v58 = sub i64 %p45, 0
  %v59 = fcmp ogt <16 x float> %v57, %p46
  %v60 = select <16 x i1> %v59, <16 x float> %v57, <16 x float> %p46
  %v61 = fcmp uno <16 x float> %v57, %v57
  %v62 = select <16 x i1> %v61, <16 x float> %v57, <16 x float> %v60
  %v63 = add i64 %p45, 16
  %v64 = select <16 x i1> %v55, <16 x float> %v62, <16 x float> %p46
  br label %head43
exit44:
  %v65 = sub i64 %p45, %p23
  %v66 = and i64 %v65, 16
  %v67 = icmp ne i64 %v66, 0
  %v68 = select i1 %v67, <16 x float> %p47, <16 x float> %p46
  %v69 = select i1 %v67, <16 x float> %p46, <16 x float> %p47
  %v70 = fcmp ogt <16 x float> %v69, %v68
  %v71 = select <16 x i1> %v70, <16 x float> %v69, <16 x float> %v68
  %v72 = fcmp uno <16 x float> %v69, %v69
  %v73 = select <16 x i1> %v72, <16 x float> %v69, <16 x float> %v71
  %v74 = shufflevector <16 x float> %v73, <16 x float> poison, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7>
  %v75 = shufflevector <16 x float> %v73, <16 x float> poison, <8 x i32> <i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>
  %v76 = fcmp ogt <8 x float> %v75, %v74
  %v77 = select <8 x i1> %v76, <8 x float> %v75, <8 x float> %v74
  %v78 = fcmp uno <8 x float> %v75, %v75
  %v79 = select <8 x i1> %v78, <8 x float> %v75, <8 x float> %v77
  %v80 = shufflevector <8 x float> %v79, <8 x float> poison, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  %v81 = shufflevector <8 x float> %v79, <8 x float> poison, <4 x i32> <i32 4, i32 5, i32 6, i32 7>
  %v82 = fcmp ogt <4 x float> %v81, %v80
  %v83 = select <4 x i1> %v82, <4 x float> %v81, <4 x float> %v80
  %v84 = fcmp uno <4 x float> %v81, %v81
  %v85 = select <4 x i1> %v84, <4 x float> %v81, <4 x float> %v83
  %v86 = shufflevector <4 x float> %v85, <4 x float> poison, <2 x i32> <i32 0, i32 1>
  %v87 = shufflevector <4 x float> %v85, <4 x float> poison, <2 x i32> <i32 2, i32 3>
  %v88 = fcmp ogt <2 x float> %v87, %v86
  %v89 = select <2 x i1> %v88, <2 x float> %v87, <2 x float> %v86
  %v90 = fcmp uno <2 x float> %v87, %v87
  %v91 = select <2 x i1> %v90, <2 x float> %v87, <2 x float> %v89
  %v92 = extractelement <2 x float> %v91, i32 0
  %v93 = extractelement <2 x float> %v91, i32 1
  %v94 = fcmp ogt float %v93, %v92
  %v95 = select i1 %v94, float %v93, float %v92
  %v96 = fcmp uno float %v93, %v93
  %v97 = select i1 %v96, float %v93, float %v95
  store float %v97, ptr %result8, align 4
  br label %end16
end16:
  store float 0x0000000000000000, ptr %result9, align 4
  %v98 = icmp sgt i64 %s1, 0
  br i1 %v98, label %then100, label %end99
then100:
  %v101 = load float, ptr %result8
  %v102 = insertelement <16 x float> poison, float %v101, i32 0
  %v103 = shufflevector <16 x float> %v102, <16 x float> poison, <16 x i32> zeroinitializer
  %v104 = mul i64 %s3, %p12
  %v105 = add i64 %s2, %v104
  %v106 = getelementptr float, ptr %v1, i64 %v105
  br label %head107
head107:
  %p109 = phi i64 [ 0, %then100 ], [ %v132, %body114 ]
  %p110 = phi <16 x float> [ splat (float 0x0000000000000000), %then100 ], [ %v130, %body114 ]
  %p111 = phi <16 x float> [ splat (float 0x0000000000000000), %then100 ], [ %v131, %body114 ]
  %v112 = sub i64 %s1, 31
  %v113 = icmp slt i64 %p109, %v112
  br i1 %v113, label %body114, label %exit108
body114:
  %v115 = getelementptr float, ptr %v106, i64 %p109
  %v116 = load <16 x float>, ptr %v115, align 4
  %v117 = getelementptr float, ptr %v115, i64 16
  %v118 = load <16 x float>, ptr %v117, align 4
  %v119 = fsub <16 x float> %v116, %v103
  %v120 = fsub <16 x float> %v118, %v103
  %v121 = fmul <16 x float> %v119, splat (float 0x3FE0000000000000)
  %v122 = fmul <16 x float> %v120, splat (float 0x3FE0000000000000)
  %v123 = fadd <16 x float> %v121, splat (float 0x3FF0000000000000)
  %v124 = fadd <16 x float> %v122, splat (float 0x3FF0000000000000)
  %v125 = call <16 x float> @llvm.fma.v16f32(<16 x float> %v119, <16 x float> %v123, <16 x float> splat (float 0x3FF0000000000000))
  %v126 = call <16 x float> @llvm.fma.v16f32(<16 x float> %v120, <16 x float> %v124, <16 x float> splat (float 0x3FF0000000000000))
  %v127 = getelementptr float, ptr %scratch, i64 %p109
  store <16 x float> %v125, ptr %v127, align 4
  %v128 = getelementptr float, ptr %v127, i64 16
  store <16 x float> %v126, ptr %v128, align 4
  %v129 = sub i64 %p109, 0
  %v130 = fadd <16 x float> %p110, %v125
  %v131 = fadd <16 x float> %p111, %v126
  %v132 = add i64 %p109, 32
  br label %head107
exit108:
  br label %head133
head133:
  %p135 = phi i64 [ %p109, %exit108 ], [ %v155, %body139 ]
  %p136 = phi <16 x float> [ %p110, %exit108 ], [ %p137, %body139 ]
  %p137 = phi <16 x float> [ %p111, %exit108 ], [ %v156, %body139 ]
  %v138 = icmp slt i64 %p135, %s1
  br i1 %v138, label %body139, label %exit134
body139:
  %v140 = sub i64 %s1, %p135
  %v141 = call i64 @llvm.smin.i64(i64 %v140, i64 16)
  %v142 = trunc i64 %v141 to i32
  %v143 = insertelement <16 x i32> poison, i32 %v142, i32 0
  %v144 = shufflevector <16 x i32> %v143, <16 x i32> poison, <16 x i32> zeroinitializer
  %v145 = icmp ult <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v144
  %v146 = getelementptr float, ptr %v106, i64 %p135
  %v147 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v146, i32 4, <16 x i1> %v145, <16 x float> zeroinitializer)
  %v148 = fsub <16 x float> %v147, %v103
  %v149 = fmul <16 x float> %v148, splat (float 0x3FE0000000000000)
  %v150 = fadd <16 x float> %v149, splat (float 0x3FF0000000000000)
  %v151 = call <16 x float> @llvm.fma.v16f32(<16 x float> %v148, <16 x float> %v150, <16 x float> splat (float 0x3FF0000000000000))
  %v152 = getelementptr float, ptr %scratch, i64 %p135
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v151, ptr %v152, i32 4, <16 x i1> %v145)
  %v153 = sub i64 %p135, 0
  %v154 = fadd <16 x float> %p136, %v151
  %v155 = add i64 %p135, 16
  %v156 = select <16 x i1> %v145, <16 x float> %v154, <16 x float> %p136
  br label %head133
exit134:
  %v157 = sub i64 %p135, %p109
  %v158 = and i64 %v157, 16
  %v159 = icmp ne i64 %v158, 0
  %v160 = select i1 %v159, <16 x float> %p137, <16 x float> %p136
  %v161 = select i1 %v159, <16 x float> %p136, <16 x float> %p137
  %v162 = fadd <16 x float> %v160, %v161
  %v163 = shufflevector <16 x float> %v162, <16 x float> poison, <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7>
  %v164 = shufflevector <16 x float> %v162, <16 x float> poison, <8 x i32> <i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>
  %v165 = fadd <8 x float> %v163, %v164
  %v166 = shufflevector <8 x float> %v165, <8 x float> poison, <4 x i32> <i32 0, i32 1, i32 2, i32 3>
  %v167 = shufflevector <8 x float> %v165, <8 x float> poison, <4 x i32> <i32 4, i32 5, i32 6, i32 7>
  %v168 = fadd <4 x float> %v166, %v167
  %v169 = shufflevector <4 x float> %v168, <4 x float> poison, <2 x i32> <i32 0, i32 1>
  %v170 = shufflevector <4 x float> %v168, <4 x float> poison, <2 x i32> <i32 2, i32 3>
  %v171 = fadd <2 x float> %v169, %v170
  %v172 = extractelement <2 x float> %v171, i32 0
  %v173 = extractelement <2 x float> %v171, i32 1
  %v174 = fadd float %v172, %v173
  store float %v174, ptr %result9, align 4
  br label %end99
end99:
  %v175 = icmp sgt i64 %s1, 0
  br i1 %v175, label %then177, label %end176
then177:
  %v178 = load float, ptr %result9
  %v179 = insertelement <16 x float> poison, float %v178, i32 0
  %v180 = shufflevector <16 x float> %v179, <16 x float> poison, <16 x i32> zeroinitializer
  %v181 = mul i64 %s5, %p12
  %v182 = add i64 %s4, %v181
  %v183 = getelementptr float, ptr %v3, i64 %v182
  br label %head184
head184:
  %p186 = phi i64 [ 0, %then177 ], [ %v190, %body189 ]
  %v187 = sub i64 %s1, 63
  %v188 = icmp slt i64 %p186, %v187
  br i1 %v188, label %body189, label %exit185
body189:
  %v190 = add i64 %p186, 64
  %v191 = getelementptr float, ptr %scratch, i64 %p186
  %v192 = load <16 x float>, ptr %v191, align 4
  %v193 = getelementptr float, ptr %v191, i64 16
  %v194 = load <16 x float>, ptr %v193, align 4
  %v195 = getelementptr float, ptr %v191, i64 32
  %v196 = load <16 x float>, ptr %v195, align 4
  %v197 = getelementptr float, ptr %v191, i64 48
  %v198 = load <16 x float>, ptr %v197, align 4
  %v199 = fdiv <16 x float> %v192, %v180
  %v200 = fdiv <16 x float> %v194, %v180
  %v201 = fdiv <16 x float> %v196, %v180
  %v202 = fdiv <16 x float> %v198, %v180
  %v203 = getelementptr float, ptr %v183, i64 %p186
  store <16 x float> %v199, ptr %v203, align 4
  %v204 = getelementptr float, ptr %v203, i64 16
  store <16 x float> %v200, ptr %v204, align 4
  %v205 = getelementptr float, ptr %v203, i64 32
  store <16 x float> %v201, ptr %v205, align 4
  %v206 = getelementptr float, ptr %v203, i64 48
  store <16 x float> %v202, ptr %v206, align 4
  br label %head184
exit185:
  br label %head207
head207:
  %p209 = phi i64 [ %p186, %exit185 ], [ %v218, %body211 ]
  %v210 = icmp slt i64 %p209, %s1
  br i1 %v210, label %body211, label %exit208
body211:
  %v212 = sub i64 %s1, %p209
  %v213 = call i64 @llvm.smin.i64(i64 %v212, i64 16)
  %v214 = trunc i64 %v213 to i32
  %v215 = insertelement <16 x i32> poison, i32 %v214, i32 0
  %v216 = shufflevector <16 x i32> %v215, <16 x i32> poison, <16 x i32> zeroinitializer
  %v217 = icmp ult <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v216
  %v218 = add i64 %p209, %v213
  %v219 = getelementptr float, ptr %scratch, i64 %p209
  %v220 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %v219, i32 4, <16 x i1> %v217, <16 x float> zeroinitializer)
  %v221 = fdiv <16 x float> %v220, %v180
  %v222 = getelementptr float, ptr %v183, i64 %p209
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v221, ptr %v222, i32 4, <16 x i1> %v217)
  br label %head207
exit208:
  br label %end176
end176:
  %v223 = add i64 %p12, 1
  br label %head10
exit11:
  ret void
}
!0 = !{i32 1}
!1 = !{!"branch_weights", i32 1, i32 4096}
